#!/system/bin/sh
# The cache of files on a phone: folders below files/, each named by a key that stands for its content. A folder gets its
# final name after all in it was verified; until then it is .new-ID. `.boot` in it names the boot in which that was.
#
#   files.sh look KEY...      says "boot ID", "tool NAME" (what can hash), and of the folders that are there
#                             "folder KEY BOOT" and "file SIZE MODE KEY/NAME"; they count as used now
#   files.sh room             removes half-made folders; says "used KIB SECONDS KEY" of each folder and "free KIB"
#   files.sh settle ID KEY TOOL [MODE HASH NAME]...   verifies the files of .new-ID (HASH "-": was verified), gives it its
#                             final name and says "kept"; or says "wrong HASH NAME" and removes it
#   files.sh check KEY TOOL [HASH NAME]...   the same for a folder of an earlier boot
#   files.sh follow TOOL SIZE PATH   says the hash of the first SIZE bytes of a file that is still being written
#   files.sh mode KEY MODE NAME   sets the permission bits of a file
#   files.sh used             says "used KIB SECONDS KEY" of each folder
#   files.sh remove KEY...    removes folders; says "used ..." of what is left
#   files.sh clear            removes everything, also what was half made; says "used ..." of what is left

umask 022
root=/data/local/tmp/harness/files
[ -d "$root" ] || mkdir -p "$root" || exit 1
cd "$root" || exit 1
boot=none
[ -r /proc/sys/kernel/random/boot_id ] && read -r boot </proc/sys/kernel/random/boot_id
what=$1
shift

used() {
  for path in [!.]*; do
    [ -d "$path" ] || continue
    size=$(du -sk "$path" 2>/dev/null)
    time=$(stat -c %Y "$path" 2>/dev/null)
    echo "used ${size%%[!0-9]*} ${time:-0} $path"
  done
}

differs() { # TOOL HASH PATH: says so when it does
  [ "$2" != - ] || return 1
  found=$("$1" <"$3")
  found=${found%% *}
  [ "$found" != "$2" ] || return 1
  echo "wrong ${found:-none} ${3##*/}"
}

case $what in
look)
  echo "boot $boot"
  for tool in sha256sum md5sum; do
    command -v "$tool" >/dev/null 2>&1 && echo "tool $tool" && break
  done
  for key in "$@"; do
    shift
    [ -d "$key" ] || continue
    set -- "$@" "$key" # those that are there remain
    verified=none
    [ -r "$key/.boot" ] && read -r verified <"$key/.boot"
    echo "folder $key $verified"
  done
  [ $# -gt 0 ] || exit 0
  touch -c "$@"
  for key in "$@"; do
    shift
    set -- "$@" "$key"/*
  done
  stat -c 'file %s %a %n' "$@"
  ;;
room)
  rm -rf .new-*
  used
  df -k . | {
    while read -r _ _ _ free _; do last=$free; done
    echo "free $last"
  }
  ;;
settle)
  id=$1 key=$2 tool=$3
  shift 3
  while [ $# -ge 3 ]; do
    if differs "$tool" "$2" ".new-$id/$3"; then
      rm -rf ".new-$id"
      exit 1
    fi
    chmod "$1" ".new-$id/$3" || exit 1
    shift 3
  done
  rm -rf "$key"
  echo "$boot" >".new-$id/.boot" && mv ".new-$id" "$key" && echo kept
  ;;
check)
  key=$1 tool=$2
  shift 2
  while [ $# -ge 2 ]; do
    if differs "$tool" "$1" "$key/$2"; then
      rm -rf "$key"
      exit 1
    fi
    shift 2
  done
  echo "$boot" >"$key/.boot" && echo kept
  ;;
follow)
  tool=$1 size=$2 path=$3 tries=0
  until [ -e "$path" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ] || exit 1
    sleep 0.02
  done
  # shellcheck disable=SC2094  # somebody else writes it
  # `cat` reads to the end that there is, and the next goes on where it stopped: they share the open file.
  while [ -e "$path" ]; do
    now=$(stat -c %s "$path")
    cat
    [ "${now:-0}" -lt "$size" ] || break
    sleep 0.02
  done <"$path" | "$tool"
  ;;
mode) chmod "$2" "$1/$3" && echo set ;;
used) used ;;
remove)
  rm -rf "$@"
  used
  ;;
clear)
  rm -rf ./* .new-*
  used
  ;;
esac
