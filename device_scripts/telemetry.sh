#!/bin/sh
# What a phone does while something is measured on it: one line a tick on stdout, until nobody reads it.
#
#   telemetry.sh INTERVAL_S SLOW_EVERY CPU...
#
# Cheap on purpose: a tick forks nothing but `sleep`; every SLOW_EVERY-th tick asks two services through dumpsys. The
# caller pins it to a core that is not measured. POSIX sh for mksh, busybox and dash; mksh counts in 32 bits, so
# counters are passed on as text. A line has these words in this order, `-` for what is missing, denied or not a number:
#
#   T1                            version
#   up=S                          seconds since boot
#   own=U:S:CU:CS:CPU             this loop's CPU ticks (user, system, of its children) and the core it is on
#   cpu=N:KHZ:CAP:a.b.c.d.e.f.g.h;...  measured core: clock, highest clock allowed, its eight counters in /proc/stat
#   pol=N:KHZ;...                 clock of each cpufreq policy
#   gpu=HZ:MAX_HZ
#   tz=CLASS:NAME:RAW;...         thermal zones as the kernel writes them (mostly thousandths of a degree)
#   slow=S                        when the following was read
#   st=N                          thermal status, 0 none to 6 shutdown
#   bat=PCT:TENTHS:STATUS:PLUGGED battery level, temperature in tenths of a degree, Android's status, 1 when powered
#   hal=TYPE:NAME:C;...           temperatures of the thermal service, by Android's type number
#   .                             the line is whole
set -u
export LC_ALL=C

interval=${1:-}
slow_every=${2:-}
case $interval in '' | . | *[!0-9.]* | *.*.*) echo "telemetry.sh: bad interval '$interval'" >&2 && exit 2 ;; esac
case $interval in *[1-9]*) ;; *) echo "telemetry.sh: without a pause it is a load of its own" >&2 && exit 2 ;; esac
case $slow_every in '' | 0 | *[!0-9]*) echo "telemetry.sh: bad period '$slow_every'" >&2 && exit 2 ;; esac
shift 2
last=0
for cpu in "$@"; do
  case $cpu in '' | *[!0-9]* | ?????*) echo "telemetry.sh: bad core '$cpu'" >&2 && exit 2 ;; esac
  [ "$cpu" -le "$last" ] || last=$cpu
done
measured="$*"
cpu_dir=/sys/devices/system/cpu
newline='
'

# ---- reading without a fork: each sets `v` -------------------------------------------------------------------------

int() { # int FILE: its number, or a dash
  v=-
  [ -r "$1" ] || return # every denied open would be a line in the kernel's audit log
  v=
  read -r v <"$1"
  case $v in '' | - | ?*-* | *[!0-9-]*) v=- ;; esac
}

name() { # name TEXT DEFAULT: TEXT when it is one plain word
  v=$1
  case $v in '' | *[!A-Za-z0-9_.+-]*) v=$2 ;; esac
}

after() { # after TEXT KEY: the number that follows KEY in TEXT, up to a comma or the end of the line
  v=-
  case $1 in *"$2"*) ;; *) return ;; esac
  v=${1#*"$2"}
  v=${v%%[",$newline"]*}
  case $v in '' | - | ?*-* | *[!0-9-]*) v=- ;; esac
}

listed() { # `list` without its first separator, or a dash
  v=${list#;}
  [ -n "$v" ] || v=-
}

# ---- what is there, looked up once ---------------------------------------------------------------------------------

class_of() { # class_of TYPE: the kind of thing a thermal zone measures, empty for what is not wanted
  case $1 in
    # Battery current, voltage and charge are thermal zones on Qualcomm phones.
    *bcl* | *BCL* | *ibat* | *vbat* | soc | socd | *charg* | *CHARG*) class= ;;
    *gpu* | *GPU* | *G3D* | *g3d*) class=gpu ;;
    *npu* | *NPU* | *nsp* | *cdsp* | *hvx* | *tpu* | *TPU* | *apu* | *vpu*) class=npu ;;
    *skin* | *SKIN* | *quiet*) class=skin ;;
    *batt* | *BATT* | *bms*) class=battery ;;
    *cpu* | *CPU* | BIG | MID | LITTLE | big* | mid* | little* | x86_pkg_temp) class=cpu ;;
    *soc* | *SOC* | *mtktsAP*) class=soc ;;
    *) class= ;;
  esac
}

zones='' # "DIRECTORY CLASS:NAME" a line
find_zones() {
  cpus=0
  others=0
  for directory in /sys/class/thermal/thermal_zone*; do
    type=
    [ -r "$directory/type" ] && read -r type <"$directory/type"
    class_of "$type"
    [ -n "$class" ] || continue
    int "$directory/temp"
    [ "$v" != - ] || continue
    # A phone may have a hundred zones, and each costs a read a tick.
    case $class in
      cpu) cpus=$((cpus + 1)) ;;
      *) others=$((others + 1)) ;;
    esac
    case $class in
      cpu) [ "$cpus" -le 12 ] || continue ;;
      *) [ "$others" -le 10 ] || continue ;;
    esac
    name "$type" "zone${directory##*thermal_zone}"
    zones="$zones$directory $class:$v$newline"
  done
}

gpu_clock=''
gpu_max=-
find_gpu() {
  for directory in /sys/class/kgsl/kgsl-3d0 /sys/class/kgsl/kgsl-3d0/devfreq /sys/class/devfreq/*.mali \
    /sys/class/devfreq/*.gpu; do
    for pair in gpuclk:max_gpuclk cur_freq:max_freq; do
      int "$directory/${pair%:*}"
      if [ "$v" != - ]; then
        gpu_clock=$directory/${pair%:*}
        int "$directory/${pair#*:}"
        gpu_max=$v
        return
      fi
    done
  done
}

# ---- a tick --------------------------------------------------------------------------------------------------------

own() {
  text=
  read -r text <"/proc/$$/stat"
  # The second field is the program's name in parentheses, which may hold spaces.
  # shellcheck disable=SC2086 # split on purpose
  set -- ${text##*) }
  v=${12:--}:${13:--}:${14:--}:${15:--}:${37:--}
  case $v in *[!0-9:]*) v=-:-:-:-:- ;; esac
}

stat='' # ";N:a.b.c.d.e.f.g.h" for each core
read_stat() {
  stat=
  while read -r core user nice system idle iowait irq softirq steal _; do
    case $core in
      cpu) ;;
      cpu*) stat="$stat;${core#cpu}:$user.$nice.$system.$idle.$iowait.$irq.$softirq.$steal" ;;
      *) break ;;
    esac
    # The interrupts that follow are a very long line, and a shell reads byte by byte.
    [ "$core" != "cpu$last" ] || break
  done </proc/stat
  stat="$stat;"
}

cores() {
  read_stat
  list=
  for cpu in $measured; do
    int "$cpu_dir/cpu$cpu/cpufreq/scaling_cur_freq"
    clock=$v
    int "$cpu_dir/cpu$cpu/cpufreq/scaling_max_freq"
    ticks=${stat#*";$cpu:"}
    [ "$ticks" != "$stat" ] || ticks=-
    ticks=${ticks%%;*}
    case $ticks in *[!0-9.]*) ticks=- ;; esac
    list="$list;$cpu:$clock:$v:$ticks"
  done
  listed
}

policies() {
  list=
  for directory in "$cpu_dir"/cpufreq/policy[0-9]*; do
    number=${directory##*policy}
    case $number in *[!0-9]*) continue ;; esac
    int "$directory/scaling_cur_freq"
    list="$list;$number:$v"
  done
  listed
}

temperatures() {
  list=
  rest=$zones
  while [ -n "$rest" ]; do
    entry=${rest%%"$newline"*}
    rest=${rest#*"$newline"}
    int "${entry%% *}/temp"
    list="$list;${entry#* }:$v"
  done
  listed
}

# ---- the services of Android ---------------------------------------------------------------------------------------

status=-
hal=-
thermal() {
  status=-
  hal=-
  text=$(dumpsys thermalservice) || return
  case $text in *'HAL Ready: false'*) return ;; esac
  after "$text" 'Thermal Status: '
  status=$v
  # There are two lists: what the service remembers, and what it asked just now.
  rest=${text#*'Current temperatures from HAL:'}
  [ "$rest" != "$text" ] || return
  rest=${rest%%'Current cooling devices'*}
  list=
  count=0
  while [ "$count" -lt 24 ]; do
    case $rest in *'Temperature{mValue='*) ;; *) break ;; esac
    rest=${rest#*'Temperature{mValue='}
    count=$((count + 1))
    entry=${rest%%\}*}
    value=${entry%%,*}
    case $value in '' | *[!0-9.-]* | *.*.* | ?*-*) continue ;; esac
    after "$entry" 'mType='
    case $v in 0 | 1 | 2 | 3 | 9 | 10 | 13) type=$v ;; *) continue ;; esac
    entry=${entry#*mName=}
    name "${entry%%,*}" "sensor$count"
    list="$list;$type:$v:$value"
  done
  listed
  hal=$v
}

battery=-:-:-:-
charge() {
  battery=-:-:-:-
  text=$(dumpsys battery) || return
  case $text in *'UPDATES STOPPED'*) return ;; esac # somebody set made-up values
  after "$text" "$newline  level: "
  battery=$v
  after "$text" "$newline  temperature: "
  battery=$battery:$v
  after "$text" "$newline  status: "
  battery=$battery:$v
  case $text in
    *'powered: true'*) battery=$battery:1 ;;
    *'powered: false'*) battery=$battery:0 ;;
    *) battery=$battery:- ;;
  esac
}

uptime() {
  v=
  read -r v _ </proc/uptime
  case $v in '' | . | *[!0-9.]* | *.*.*) v=- ;; esac
}

# ---- the loop ------------------------------------------------------------------------------------------------------

exec 2>/dev/null # what is missing or denied is a dash, not a message
find_zones
find_gpu
services=
command -v dumpsys >/dev/null && services=1
slow=-
tick=0
while :; do
  if [ -n "$services" ] && [ "$tick" -eq 0 ]; then
    thermal
    charge
    uptime
    slow=$v
  fi
  tick=$(((tick + 1) % slow_every))
  uptime
  line="T1 up=$v"
  own
  line="$line own=$v"
  cores
  line="$line cpu=$v"
  policies
  line="$line pol=$v"
  v=-
  [ -z "$gpu_clock" ] || int "$gpu_clock"
  line="$line gpu=$v:$gpu_max"
  temperatures
  echo "$line tz=$v slow=$slow st=$status bat=$battery hal=$hal ." || exit 0
  # Without a pause this would be a load of its own.
  sleep "$interval" || sleep 1 || exit 1
done
