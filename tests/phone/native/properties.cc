// Preloaded into adbd alone. Off Android its GetProperty knows nothing; here it reads KEY=VALUE lines of a file, so
// that the banner names the model, and adbd accepts connections on the socket that the phone's init inherited: no port
// of the machine is opened beside it, and the phone needs no network.
#include <sys/prctl.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace android::base {

std::string GetProperty(const std::string& key, const std::string& fallback) {
  const char* path = getenv("PHONE_PROPERTIES");
  std::ifstream file(path ? path : "/mnt/phone/adbd.prop");
  const std::string start = key + "=";
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, start.size(), start) == 0 && line.size() > start.size()) {
      return line.substr(start.size());
    }
  }
  return fallback;
}

}  // namespace android::base

__attribute__((constructor)) static void name_process() { prctl(PR_SET_NAME, "adbd"); }
