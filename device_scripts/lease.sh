#!/system/bin/sh
# Takes, prolongs and gives back the lease on this phone, so that two computers never measure on it at the same time.
#
#   lease.sh acquire TOKEN TTL_S HOLDER OVER     OVER: token of a holder that is known to be dead, or -
#   lease.sh renew   TOKEN TTL_S HOLDER GENERATION
#   lease.sh release TOKEN TTL_S HOLDER GENERATION
#
# TOKEN is a random word, HOLDER one line of text. A line is printed:
#   held GENERATION | busy TOKEN SECONDS_LEFT HOLDER | lost | released | error WHY
#
# Each taking is a folder gN with a file `holder`: "TOKEN BOOT FROM UNTIL HOLDER", times in seconds of this phone's uptime.
# The highest N counts. A folder is made elsewhere and renamed, which is atomic, and fails or ends inside the other's
# folder when somebody was faster: hard links would do as well, but Android does not let a shell make them.

verb=$1 token=$2 ttl=$3 who=$4 given=$5
d=/data/local/tmp/harness/lease
boot='' up=''
{ IFS= read -r boot; } 2>/dev/null </proc/sys/kernel/random/boot_id
{ read -r up _; } 2>/dev/null </proc/uptime
up=${up%%.*}
[ -n "$boot" ] || boot=-

number() { # TEXT: whether it is a whole number that the shell can count with
  case $1 in '' | *[!0-9]* | ??????????*) return 1 ;; esac
}

latest() { # -> $n, 0 for none
  n=0
  for g in "$d"/g*; do
    i=${g##*/g}
    if number "$i" && [ "$i" -gt "$n" ]; then n=$i; fi
  done
}

load() { # GENERATION -> the holder's words, empty when there are none
  h_token='' h_boot='' h_from='' h_until='' h_who=''
  { read -r h_token h_boot h_from h_until h_who; } 2>/dev/null <"$d/g$1/holder"
}

is_free() { # whether what was loaded holds nothing any more; without a boot id a later start shows in the uptime
  number "$h_from" && number "$h_until" || return 0
  [ "$h_boot" != "$boot" ] || [ "$h_from" -gt "$up" ] || [ "$h_until" -le "$up" ]
}

write() { # FILE UNTIL
  printf '%s %s %s %s %s\n' "$token" "$boot" "$up" "$2" "$who" >"$1"
}

fail() {
  rm -rf "$d/.$token" "$d/.$token.new"
  echo "error the lease cannot be written"
  exit 0
}

busy() {
  echo "busy $h_token $((h_until - up)) $h_who"
  exit 0
}

lost() {
  latest
  load "$n"
  is_free || [ "$h_token" = "$token" ] || busy
  echo lost
  exit 0
}

rewrite() { # GENERATION UNTIL: at once whole or not at all
  if ! write "$d/.$token.new" "$2" || ! mv -f "$d/.$token.new" "$d/g$1/holder"; then
    latest
    [ "$n" -eq "$1" ] && fail
    rm -f "$d/.$token.new"
    lost
  fi
}

prolong() { # GENERATION
  rewrite "$1" $((up + ttl))
  latest
  # Whoever took it while we wrote has seen us too late, and we them in time.
  [ "$n" -eq "$1" ] || lost
  echo "held $1"
  exit 0
}

take() { # GENERATION before ours
  next=$(($1 + 1))
  if ! mkdir -p "$d/.$token" || ! write "$d/.$token/holder" $((up + ttl)); then fail; fi
  mv "$d/.$token" "$d/g$next" 2>/dev/null
  load "$next"
  if [ "$h_token" != "$token" ]; then
    rm -rf "$d/.$token" "$d/g$next/.$token"
    lost
  fi
  load "$1"
  if [ "$1" -gt 0 ] && ! is_free && [ "$h_token" != "$given" ]; then
    rm -rf "$d/g$next"
    busy
  fi
  for g in "$d"/g*; do
    i=${g##*/g}
    if number "$i" && [ "$i" -lt "$next" ]; then rm -rf "$g"; fi
  done
  echo "held $next"
  exit 0
}

number "$up" || {
  echo "error the phone's uptime cannot be read"
  exit 0
}
latest
load "$n"
case $verb in
acquire)
  [ "$n" -eq 0 ] && take 0
  [ "$h_token" = "$token" ] && prolong "$n"
  is_free || [ "$h_token" = "$given" ] || busy
  take "$n"
  ;;
renew)
  [ "$n" -eq 0 ] && take 0
  [ "$n" = "$given" ] && [ "$h_token" = "$token" ] && prolong "$n"
  lost
  ;;
release)
  if [ "$n" = "$given" ] && [ "$h_token" = "$token" ]; then rewrite "$n" 0; fi
  echo released
  ;;
*) echo "error $verb is no verb" ;;
esac
