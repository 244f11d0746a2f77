#!/system/bin/sh
# Ends what measured_run.sh started and did not end: its process groups, and everything that has its tag in the
# environment wherever it went. Says "ended N" and "left PIDS", the latter empty unless something cannot be killed.
#
#   end_run.sh [TAG [SHELL_PID [PROGRAM_PID]]]
#
# Without a TAG: all runs that left a file, and the folder of files on their way. A process number is believed when the boot and the start time are still the
# recorded ones; the numbers given are of this moment.

runs=/data/local/tmp/harness/run
ended=0
left=

start_of() { # PID -> $start
  line='' start=''
  [ -r "/proc/$1/stat" ] || return 0
  { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null
  # shellcheck disable=SC2086  # into words
  set -- ${line##*") "}
  [ "${1-}" = Z ] || start=${20-}
}

end_group() { # PID START: START may be "any"
  case $1 in '' | *[!0-9]* | 0 | 1) return 0 ;; esac
  start_of "$1"
  if [ -n "$start" ] && { [ "$2" = any ] || [ "$start" = "$2" ]; }; then
    kill -KILL "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null
    ended=$((ended + 1))
  fi
}

tagged() { # TAG -> $pids: those alive with it in their environment
  pids=
  # shellcheck disable=SC2013  # the paths are /proc/NUMBER/environ
  for path in $(grep -lF "HARNESS_RUN=$1" /proc/[0-9]*/environ 2>/dev/null); do
    path=${path#/proc/}
    start_of "${path%/environ}"
    [ -z "$start" ] || pids="$pids ${path%/environ}"
  done
}

end_tagged() { # TAG
  round=0
  while tagged "$1" && [ -n "$pids" ]; do
    round=$((round + 1))
    if [ "$round" -gt 40 ]; then
      left="$left$pids"
      return 0
    fi
    # shellcheck disable=SC2086  # several numbers
    kill -KILL $pids 2>/dev/null
    [ "$round" -gt 1 ] || for _ in $pids; do ended=$((ended + 1)); done
    sleep 0.05
  done
}

end_recorded() { # TAG
  boot='' shell='' shell_start='' program='' program_start=''
  [ -r "$runs/$1" ] && read -r boot shell shell_start program program_start <"$runs/$1"
  now=
  [ -r /proc/sys/kernel/random/boot_id ] && read -r now </proc/sys/kernel/random/boot_id
  if [ "$boot" = "$now" ]; then
    [ -z "$shell_start" ] || end_group "$shell" "$shell_start"
    [ -z "$program_start" ] || end_group "$program" "$program_start"
  fi
  end_tagged "$1"
  [ -n "$left" ] || rm -f "$runs/$1"
}

if [ $# -gt 0 ]; then
  end_group "${2-}" any
  end_group "${3-}" any
  end_recorded "$1"
else
  for path in "$runs"/*; do
    [ -f "$path" ] && end_recorded "${path##*/}"
  done
  rm -rf /data/local/tmp/harness/work # files that were on their way
fi
echo "ended $ended"
echo "left$left"
