# shellcheck shell=sh
# What the phone's commands share. Their state is plain files below /mnt/phone, which the host reads and writes too.
S=/mnt/phone

# state NAME DEFAULT: the first line of a state file
state() {
    value=
    if [ -r "$S/$1" ] && IFS= read -r value <"$S/$1" || [ -n "$value" ]; then
        printf '%s\n' "$value"
    else
        printf '%s\n' "$2"
    fi
}

# store NAME VALUE: a write that a stubborn phone takes and forgets
store() {
    called "$0 $1=$2"
    [ -e "$S/stubborn" ] || printf '%s\n' "$2" >"$S/$1"
}

# called TEXT: note a call that changes the phone, for the tests
called() {
    printf '%s\n' "${1##*/bin/}" >>"$S/calls"
}

sdk() {
    sed -n 's/^ro.build.version.sdk=//p' /mnt/build.prop
}

# setting NAMESPACE KEY VALUE: a system service writes a setting
setting() {
    store "settings/$1.$2" "$3"
}

# degrees THOUSANDTHS: as Java prints a float
degrees() {
    sign=
    t=$1
    [ "$t" -ge 0 ] || { sign=-; t=$((-t)); }
    printf '%s%d.%d' "$sign" $((t / 1000)) $((t % 1000 / 100))
}

# online_mask: the online cores as a number
online_mask() {
    mask=0
    for core in /sys/devices/system/cpu/cpu[0-9]*; do
        up=1
        [ -r "$core/online" ] && read -r up <"$core/online"
        [ "$up" = 1 ] && mask=$((mask | 1 << ${core##*cpu}))
    done
    printf '%d\n' "$mask"
}
