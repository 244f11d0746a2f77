#include "litert_api.h"

#include <stdlib.h>

#include "library.h"
#include "report.h"

struct symbol {
  const char *name;
  size_t offset;
  bool needed;
};

#define NEED(name, field) {name, offsetof(struct litert_api, field), true}
#define MAY(name, field) {name, offsetof(struct litert_api, field), false}

static const struct symbol symbols[] = {
    NEED("LiteRtCreateEnvironment", create_environment),
    NEED("LiteRtCreateModelFromFile", create_model),
    NEED("LiteRtDestroyModel", destroy_model),
    NEED("LiteRtCreateOptions", create_options),
    NEED("LiteRtSetOptionsHardwareAccelerators", set_accelerators),
    NEED("LiteRtCreateOpaqueOptions", create_opaque),
    NEED("LiteRtAddOpaqueOptions", add_opaque),
    NEED("LiteRtCreateCompiledModel", create_compiled),
    NEED("LiteRtGetNumModelSignatures", signature_count),
    NEED("LiteRtGetModelSignature", signature),
    NEED("LiteRtGetNumSignatureInputs", input_count),
    NEED("LiteRtGetNumSignatureOutputs", output_count),
    NEED("LiteRtGetSignatureInputTensorByIndex", input_tensor),
    NEED("LiteRtGetSignatureOutputTensorByIndex", output_tensor),
    NEED("LiteRtGetRankedTensorType", tensor_type),
    NEED("LiteRtGetTensorName", tensor_name),
    NEED("LiteRtGetQuantizationTypeId", quantization_kind),
    NEED("LiteRtGetPerTensorQuantization", per_tensor),
    NEED("LiteRtGetCompiledModelInputTensorLayout", input_layout),
    NEED("LiteRtGetCompiledModelOutputTensorLayouts", output_layouts),
    NEED("LiteRtGetCompiledModelInputBufferRequirements", input_needs),
    NEED("LiteRtGetCompiledModelOutputBufferRequirements", output_needs),
    NEED("LiteRtCreateManagedTensorBufferFromRequirements", create_buffer),
    NEED("LiteRtLockTensorBuffer", lock),
    NEED("LiteRtUnlockTensorBuffer", unlock),
    NEED("LiteRtRunCompiledModel", run),
    MAY("LiteRtCompiledModelIsFullyAccelerated", fully_accelerated),
    MAY("LiteRtCompiledModelIsNonCpuFullyAccelerated", fully_off_cpu),
    MAY("LiteRtGetNumAccelerators", accelerator_count),
    MAY("LiteRtGetAccelerator", accelerator),
    MAY("LiteRtGetAcceleratorName", accelerator_name),
    MAY("LiteRtGetAcceleratorHardwareSupport", accelerator_hardware),
    MAY("LiteRtGetTensorBufferPackedSize", buffer_size),
    MAY("LiteRtGetSignatureSubgraph", signature_subgraph),
    MAY("LiteRtGetNumSubgraphOps", operator_count),
    MAY("LiteRtCreateCpuOptions", create_cpu_options),
    MAY("LiteRtFindCpuOptions", find_cpu_options),
    MAY("LiteRtSetCpuOptionsNumThread", set_threads),
};

struct litert_api *litert_load(void *library) {
  struct litert_api *api = calloc(1, sizeof *api);
  if (api == NULL) die("memory", "out of memory");
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    bool found = library_find(library, symbols[i].name, (char *)api + symbols[i].offset);
    if (!found && symbols[i].needed)
      die("library", "this LiteRT does not export %s; 2.1.0 and newer do", symbols[i].name);
  }
  api->setters = api->create_cpu_options != NULL && api->find_cpu_options != NULL && api->set_threads != NULL;
  api->env_first_likely = library_has(library, "LiteRtCreateModelFromFd");
  return api;
}

const char *litert_release(void *library) {
  if (library_has(library, "LiteRtCompiledModelIsNonCpuFullyAccelerated")) return "2.3 or newer";
  bool model_from_fd = library_has(library, "LiteRtCreateModelFromFd");
  if (model_from_fd) return library_has(library, "LiteRtGetCompiledModelEnvironment") ? "2.2" : "2.1.6";
  return library_has(library, "LiteRtSetCpuOptionsNumThread") ? "2.1.0 to 2.1.2" : "2.1.3 to 2.1.5";
}

/* One attempt. Both arities are called with three arguments: a superfluous one stays in its register, and the older
 * function with the newer arguments (or the reverse) fails to open a file of a name that is none, status 500. */
static int attempt(struct litert_api *api, handle environment, const char *path, handle *model, bool env_first) {
  handle unused = NULL;
  *model = NULL;
  return env_first ? api->create_model(environment, path, model) : api->create_model(path, model, &unused);
}

int litert_open_model(struct litert_api *api, handle environment, const char *path, handle *model, bool *env_first) {
  *env_first = api->env_first_likely;
  int first = attempt(api, environment, path, model, *env_first);
  if (first != LITERT_FILE_ERROR) return first;
  handle other = NULL;
  int second = attempt(api, environment, path, &other, !*env_first);
  if (second != 0 || other == NULL) return first;
  *env_first = !*env_first;
  *model = other;
  return 0;
}
