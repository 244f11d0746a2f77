#!/system/bin/sh
# Prints what a phone says of itself, in one go, without changing anything.
#
# Form, one item a line, version in the first line:
#   @section       what follows belongs to it
#   key=text       what was read
#   |text          a further line of the text above
#   key!reason     nothing was read: missing, denied, empty, timeout, skipped, failed N
#   @end           the last line; without it the output is not whole
# Text is only ever printed behind `=` or `|`, so it cannot pass for anything else. Empty lines of it are left out.
#
# Runs under mksh with toybox (Android 8 and later), busybox sh and dash. No here-documents and no temporary files: an
# unprivileged shell may have nowhere to put them. HARNESS_FACTS_ROOT is put before every path of the system, for tests.
set -u -f
unalias -a # mksh has a nohup of its own that is none
root=${HARNESS_FACTS_ROOT:-}
newline='
'
IFS=$newline
stuck=0

if [ -n "${KSH_VERSION:-}" ]; then
  # mksh may have no printf of its own: each line would be a process.
  out() { print -r -- "$1"; }
else
  out() { printf '%s\n' "$1"; }
fi

have() { command -v "$1" >/dev/null 2>&1; }

emit() { # KEY TEXT
  lead="$1="
  for line in $2; do
    out "$lead$line"
    lead='|'
  done
  [ "$lead" = '|' ] || out "$1!empty"
}

file() { # KEY PATH: the first line of a file
  value=
  if { IFS='' read -r value <"$root$2"; } 2>/dev/null || [ -n "$value" ]; then
    emit "$1" "$value"
  elif { true <"$root$2"; } 2>/dev/null; then
    out "$1!empty"
  elif [ -e "$root$2" ]; then
    out "$1!denied"
  else
    out "$1!missing"
  fi
}

readable() { # KEY PATH: whether a file can be read, not what is in it
  value=
  { IFS='' read -r value <"$root$2"; } 2>/dev/null
  if [ -n "$value" ]; then out "$1=yes"; else file "$1" "$2"; fi
}

picked() { # KEY PATH PREFIX...: the lines of a file that begin with one of the prefixes
  key=$1 path=$root$2 text=''
  shift 2
  if { true <"$path"; } 2>/dev/null; then
    while IFS='' read -r line || [ -n "$line" ]; do
      for prefix in "$@"; do
        case $line in "$prefix"*) text=$text$line$newline ;; esac
      done
    done <"$path"
    emit "$key" "$text"
  elif [ -e "$path" ]; then
    out "$key!denied"
  else
    out "$key!missing"
  fi
}

# bounded SECONDS COMMAND... kills it with SIGKILL, where that can be done at all. The timeout of toybox 0.8.9 loses the
# exit status of about every second command and exits with 127 instead.
limiter=none
if have timeout; then
  timeout -s KILL 5 cat /dev/null 2>/dev/null
  case $? in 0 | 127) limiter=timeout ;; esac
fi
if [ "$limiter" = timeout ]; then
  bounded() { timeout -s KILL "$@"; }
elif have sleep; then
  bounded() {
    limit=$1
    shift
    "$@" &
    child=$!
    (
      sleep "$limit"
      kill -9 "$child"
    ) >/dev/null 2>&1 &
    guard=$!
    wait "$child"
    code=$?
    # Not to be caught: a shell that is told to end just before it waits may wait all the same. Its sleep ends by itself.
    kill -9 "$guard" 2>/dev/null
    return "$code"
  }
else
  bounded() {
    shift
    "$@"
  }
fi

is_service() {
  case $1 in dumpsys | settings | pm | getprop) return 0 ;; *) return 1 ;; esac
}

ask() { # KEY SECONDS COMMAND...: leaves the output in $text and why there is none in $why
  key=$1 text='' why=''
  shift
  if ! have "$2"; then
    why=missing
  elif is_service "$2" && [ "$stuck" -ge 2 ]; then
    why=skipped # Android's services hang together: each of the others would hold us up too
  else
    text=$(bounded "$@" </dev/null 2>/dev/null)
    code=$?
    case $code in
      0 | 127) [ -n "$text" ] || why=empty ;; # the command is there: see `bounded`
      124 | 137 | 143)
        why=timeout
        ! is_service "$2" || stuck=$((stuck + 1))
        ;;
      126) why=denied ;;
      *) why="failed $code" ;;
    esac
  fi
}

say() { # KEY SECONDS COMMAND...: its output
  ask "$@"
  if [ -n "$why" ]; then out "$key!$why"; else emit "$key" "$text"; fi
}

pick() { # KEY PREFIX SECONDS COMMAND...: the first line of its output that begins so, leading blanks aside
  want=$2 key=$1
  shift 2
  ask "$key" "$@"
  if [ -z "$why" ]; then
    why=missing
    for line in $text; do
      line=${line#"${line%%[! 	]*}"}
      case $line in "$want"*)
        why=''
        break
        ;;
      esac
    done
  fi
  if [ -n "$why" ]; then out "$key!$why"; else emit "$key" "$line"; fi
}

properties() {
  out '@properties'
  for name in ro.product.manufacturer ro.product.model ro.product.device ro.build.fingerprint ro.build.type \
    ro.build.version.release ro.build.version.sdk ro.soc.manufacturer ro.soc.model ro.board.platform ro.hardware \
    ro.hardware.egl ro.product.cpu.abilist ro.product.cpu.abilist64 ro.serialno sys.boot_completed ro.debuggable; do
    say "$name" 5 getprop "$name"
  done
}

kernel() {
  out '@kernel'
  say release 5 uname -r
  file osrelease /proc/sys/kernel/osrelease
  file boot_id /proc/sys/kernel/random/boot_id
  file uptime /proc/uptime
  file load /proc/loadavg
  file cpuset /proc/self/cpuset
  picked affinity /proc/self/status Cpus_allowed:
  picked memory /proc/meminfo MemTotal: MemAvailable: SwapFree:
  picked cpuinfo /proc/cpuinfo processor 'CPU implementer' 'CPU part' Hardware
  say selinux 5 getenforce
}

cpus() {
  base=/sys/devices/system/cpu
  out '@cpus'
  for name in possible present online isolated; do file "$name" "$base/$name"; done
  # Names are expanded here only: text that was read must not be.
  set +f
  set -- "$root$base"/cpu[0-9]*
  set -f
  for folder in "$@"; do
    [ -d "$folder" ] || continue
    here=${folder#"$root"}
    out "@cpu ${folder##*/cpu}"
    for name in online isolate cpu_capacity regs/identification/midr_el1 topology/cluster_id \
      topology/cluster_cpus_list topology/physical_package_id cpufreq/related_cpus cpufreq/cpuinfo_min_freq \
      cpufreq/cpuinfo_max_freq cpufreq/scaling_min_freq cpufreq/scaling_max_freq cpufreq/scaling_cur_freq \
      cpufreq/scaling_governor cpufreq/scaling_available_governors; do
      file "$name" "$here/$name"
    done
    readable cpufreq/stats/time_in_state "$here/cpufreq/stats/time_in_state"
  done
  set +f
  set -- "$root$base"/cpufreq/policy[0-9]*
  set -f
  for folder in "$@"; do
    [ -d "$folder" ] || continue
    here=${folder#"$root"}
    out "@policy ${folder##*/policy}"
    for name in related_cpus cpuinfo_min_freq cpuinfo_max_freq scaling_min_freq scaling_max_freq scaling_cur_freq \
      scaling_governor scaling_available_governors; do
      file "$name" "$here/$name"
    done
    readable stats/time_in_state "$here/stats/time_in_state"
  done
}

gpu() {
  out '@gpu'
  pick gles GLES: 5 dumpsys SurfaceFlinger
  pick memory 'Global total' 5 dumpsys gpu --gpumem
  file kgsl /sys/class/kgsl/kgsl-3d0/gpu_model
  file kernel_gpu /sys/kernel/gpu/gpu_model
  file mali /sys/class/misc/mali0/device/gpuinfo
}

thermal() {
  out '@thermal'
  set +f
  set -- "$root"/sys/class/thermal/thermal_zone[0-9]*
  set -f
  for folder in "$@"; do
    [ -d "$folder" ] || continue
    here=${folder#"$root"}
    file "type ${folder##*/thermal_zone}" "$here/type"
    file "temp ${folder##*/thermal_zone}" "$here/temp"
  done
  say thermalservice 5 dumpsys thermalservice
}

power() {
  out '@power'
  say battery 5 dumpsys battery
  pick wakefulness mWakefulness= 5 dumpsys power
  for name in low_power stay_on_while_plugged_in window_animation_scale transition_animation_scale \
    animator_duration_scale airplane_mode_on; do
    say "global $name" 5 settings get global "$name"
  done
  for name in screen_brightness screen_brightness_mode screen_off_timeout; do
    say "system $name" 5 settings get system "$name"
  done
  say package_manager 5 pm path android
}

storage() {
  out '@storage'
  say df 5 df -k "$root/data/local/tmp"
  if [ -w "$root/data/local/tmp" ]; then out 'writable=yes'; else out 'writable!denied'; fi
}

# Whoever grants root may ask the phone's owner first. One question, not three: a question that is not answered ends it.
privileges() {
  out '@root'
  say 'id' 5 id -u
  if ! have timeout && ! have sleep; then
    for name in 'su -c' 'su 0' 'su root'; do out "$name!skipped"; done
    return
  fi
  settled=''
  for name in 'su -c' 'su 0' 'su root'; do
    if [ -n "$settled" ]; then
      out "$name!skipped"
    elif [ "$name" = 'su -c' ]; then
      say "$name" 4 su -c 'id -u'
    else
      say "$name" 4 su "${name#su }" id -u
    fi
    if [ "$text" = 0 ] || [ "$why" = timeout ]; then settled=yes; fi
  done
}

tools() {
  out '@tools'
  for name in awk cat chmod chrt cut date dd df grep head kill md5sum mkdir mv nice nohup od ps rm sed setsid sha256sum \
    sleep stat tail taskset timeout tr wc xargs; do
    if have "$name"; then out "$name=yes"; else out "$name!missing"; fi
  done
  # Whether pinning works is seen from the mask of a process that was pinned to CPU 0.
  pick pinned Cpus_allowed: 5 taskset 1 cat "$root/proc/self/status"
}

libraries() {
  out '@libraries'
  found=''
  for base in /vendor/lib64 /vendor/lib64/egl /system/vendor/lib64 /system/vendor/lib64/egl /system/lib64 \
    /system_ext/lib64 /odm/lib64 /product/lib64; do
    if [ ! -e "$root$base" ]; then
      out "$base!missing"
    elif [ ! -r "$root$base" ]; then
      out "$base!denied"
    else
      out "$base=yes"
    fi
    set +f
    for path in "$root$base"/libOpenCL*.so "$root$base"/libGLES_*.so "$root$base"/libcdsprpc.so \
      "$root$base"/libadsprpc.so "$root$base"/libQnn*.so "$root$base"/libneuron*.so "$root$base"/libedgetpu*.so \
      "$root$base"/libneuralnetworks*.so "$root$base"/libnnapi*.so "$root$base"/libLiteRt*.so \
      "$root$base"/libSnpe*.so "$root$base"/libSNPE*.so "$root$base"/libeden*.so; do
      [ ! -e "$path" ] || found=$found${path#"$root"}$newline
    done
    set -f
  done
  emit found "$found"
}

out 'harness-facts 1'
properties
kernel
cpus
thermal
power
storage
tools
libraries
privileges
gpu
out '@end'
