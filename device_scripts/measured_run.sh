#!/system/bin/sh
# Runs one program on a phone, on chosen cores, and says what was seen of it.
#
#   measured_run.sh NONCE TAG LIMIT_S OBSERVE MEMORY MASK CPU [NAME=VALUE...] -- PROGRAM [ARGUMENT...]
#
# OBSERVE and MEMORY are 0 or 1; MASK is the affinity in bare lower-case hex, or "-" to leave it; CPU is the core whose
# clocks are read. Standard input, output and error are the program's. What was seen is said on standard error, in blocks
# of an empty line and lines "NONCE KEY VALUE", before the program starts and after it has ended.
#
# The program has its own process group and TAG in its environment, by which end_run.sh finds all that came from it. The
# group is ended when this shell is (the connection was lost), and after LIMIT_S whatever happened to the host.

nonce=$1 tag=$2 limit=$3 observe=$4 memory=$5 mask=$6 cpu=$7
shift 7
runs=/data/local/tmp/harness/run
states=/sys/devices/system/cpu/cpu$cpu/cpufreq/stats/time_in_state
pid=
exec 3<&0 </dev/null

# All files are read by the shell itself: a process more would be CPU time beside the measurement.
first_line() { # FILE -> $line
  line=
  [ -r "$1" ] || return 0
  { IFS= read -r line <"$1"; } 2>/dev/null
  return 0
}

stat_of() { # PID -> $line: /proc/PID/stat after the name, which may hold anything
  first_line "/proc/$1/stat"
  line=${line##*") "}
}

start_of() { # PID -> $start: in ticks since boot
  stat_of "$1"
  # shellcheck disable=SC2086  # into words
  set -- $line
  start=${20-}
}

clocks() { # -> $line: "KHZ:TICKS ..."
  line=
  [ -r "$states" ] || return 0
  { while read -r khz ticks; do line="$line $khz:$ticks"; done <"$states"; } 2>/dev/null
  return 0
}

# Run in the new group: the affinity is read from the very process that becomes the program.
# shellcheck disable=SC2016  # it is another shell's text
program='
nonce=$1
shift
cpus=
while read -r key value; do
  case $key in Cpus_allowed_list:) cpus=$value; break ;; esac
done </proc/$$/status
echo "
$nonce program $$
$nonce cpus $cpus" >&2
while [ "$1" != -- ]; do
  export "$1"
  shift
done
shift
export HARNESS_PROGRAM=1
exec "$@"
'

watch_memory() {
  peak='' pss='' gpu='' before='' count=0 next=4
  while [ -d "/proc/$pid" ]; do # until it is the program, and no longer the shell before it
    grep -q HARNESS_PROGRAM=1 "/proc/$pid/environ" 2>/dev/null && break
    sleep 0.01
  done
  while :; do
    now=
    { while read -r key value _; do
      case $key in VmHWM:) now=$value; break ;; esac
    done <"/proc/$pid/status"; } 2>/dev/null
    [ -n "$now" ] || break
    [ "$now" -le "${peak:-0}" ] || peak=$now
    count=$((count + 1))
    if [ "$now" != "$before" ] || [ $((count % 4)) -eq 0 ]; then
      before=$now now=
      { while read -r key value _; do
        case $key in Pss:) now=$value; break ;; esac
      done <"/proc/$pid/smaps_rollup"; } 2>/dev/null
      # The highest counts: at its end a process still tells, of memory that is being taken from it.
      [ "${now:-0}" -le "${pss:-0}" ] || pss=$now
    fi
    if [ "$count" -eq "$next" ]; then # ever more rarely: it costs another process
      next=$((next * 2))
      gpu_memory
    fi
    sleep 0.05
  done
  echo "
$nonce hwm $peak
$nonce pss $pss
$nonce gpu $gpu" >&2
}

gpu_memory() { # adds to $gpu: bytes
  [ "$gpu" != no ] || return 0
  found=$(dumpsys -t 2 gpu --gpumem 2>/dev/null | while read -r first second third amount _; do
    case "$first $second $third" in
    "Global total: "*) echo has ;;
    "Proc $pid total:") echo "$amount" ;;
    esac
  done)
  case $found in
  '') [ -n "$gpu" ] || gpu=no ;; # the kernel does not account for it
  *) for amount in $found; do [ "$amount" = has ] || gpu="$gpu $amount"; done ;;
  esac
}

end_program() {
  [ -z "$pid" ] || kill -KILL "-$pid" 2>/dev/null
}

# Not by TERM: a shell that has just been forked can lose it. Before it has a group it is ended itself.
end_watchdog() {
  [ -n "$dog" ] || return 0
  kill -KILL "-$dog" 2>/dev/null || kill -KILL "$dog" 2>/dev/null
  kill -KILL "-$dog" 2>/dev/null
  wait "$dog" 2>/dev/null
}

# shellcheck disable=SC2317  # called by the trap
leave() {
  last=$! # the signal may have come between a fork and the line that keeps its number
  [ -n "$pid" ] || pid=$last
  [ -n "$dog" ] || [ "$last" = "$pid" ] || dog=$last
  end_program || { [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null; } # it has no group of its own yet
  end_watchdog
  rm -f "$runs/$tag"
  exit 129
}

dog=
trap leave HUP INT TERM
start_of $$
own_start=$start
clocks
clocks_before=$line
stat_of $$
stat_before=$line
first_line /proc/uptime
echo "
$nonce shell $$
$nonce uptime_before $line
$nonce stat_before $stat_before
$nonce clocks_before $clocks_before" >&2

export HARNESS_RUN="$tag"
group=setsid
command -v setsid >/dev/null 2>&1 || group=
if [ "$mask" = - ]; then
  # shellcheck disable=SC2086  # $group may be nothing
  $group sh -c "$program" sh "$nonce" "$@" <&3 3<&- &
else
  # shellcheck disable=SC2086
  taskset "$mask" $group sh -c "$program" sh "$nonce" "$@" <&3 3<&- &
fi
pid=$!
exec 3<&-

# shellcheck disable=SC2016,SC2086
$group sh -c 'sleep "$1"; kill -KILL "-$2" "-$3"' sh "$limit" "$pid" $$ >/dev/null 2>&1 &
dog=$!

start_of "$pid"
first_line /proc/sys/kernel/random/boot_id
{ [ -d "$runs" ] || mkdir -p "$runs"; echo "$line $$ $own_start $pid $start" >"$runs/$tag"; } 2>/dev/null
poller=
if [ "$memory" = 1 ]; then
  watch_memory &
  poller=$!
fi

wait "$pid"
status=$?
first_line /proc/uptime
uptime_after=$line
clocks
clocks_after=$line
stat_of $$
stat_after=$line
first_line /sys/devices/system/cpu/online
online=$line
end_program
[ -z "$poller" ] || wait "$poller"
end_watchdog
rm -f "$runs/$tag"
[ "$observe" = 1 ] && echo "
$nonce uptime_after $uptime_after
$nonce stat_after $stat_after
$nonce clocks_after $clocks_after
$nonce online $online" >&2
echo "
$nonce exit $status" >&2
exit "$status"
