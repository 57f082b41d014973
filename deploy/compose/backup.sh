#!/bin/sh
# A dump of the database every day, the last ones kept: backup.sh PASSWORD FOLDER, PASSWORD being a file. With `now` as
# a third word it makes one and ends; with `fresh` it says whether there is a recent one, by its status.
# A dump is there once it is whole and has been read again. An old one goes only after a new one came. What bears another
# name is not ours, and what bears a time to come is of a clock that was wrong: neither counts, and neither is removed.
set -eu
umask 077
password=${1:?the file with the password of PGUSER}
folder=${2:?the folder of the dumps}
every=${VALET_BACKUP_EVERY:-86400}
keep=${VALET_BACKUP_KEEP:-14}
case $keep in '' | *[!0-9]* | 0) echo "VALET_BACKUP_KEEP must be a number from 1 on" >&2; exit 2 ;; esac

# All dumps, the oldest first.
dumps() {
    now=$(date -u +%Y%m%d%H%M%S)
    for each in "$folder"/valet-????????T??????Z.dump; do
        digits=$(echo "${each##*/}" | tr -cd 0-9)
        [ "${#digits}" != 14 ] || [ "$digits" -gt "$now" ] || echo "$each"
    done
}

# Seconds since the newest dump; a lot where there is none.
age() {
    newest=$(dumps | tail -n 1)
    [ -n "$newest" ] || { echo 999999999; return; }
    echo $(($(date +%s) - $(stat -c %Y "$newest")))
}

dump() {
    name=valet-$(date -u +%Y%m%dT%H%M%SZ).dump
    rm -f "$folder"/.*.part
    # By the environment: a command line is for everybody on the machine to read.
    PGPASSWORD=$(cat "$password") pg_dump --format=custom --no-unlogged-table-data --file="$folder/.$name.part" || return 1
    pg_restore --file=/dev/null "$folder/.$name.part" || return 1
    mv "$folder/.$name.part" "$folder/$name" || return 1
    dumps | head -n -"$keep" | while read -r old; do rm -f "$old"; done
    # For the textfile collector of Prometheus' node exporter, where there is one.
    printf 'valet_backup_last_success_timestamp_seconds %s\n' "$(date +%s)" >"$folder/.prom.part"
    mv "$folder/.prom.part" "$folder/valet_backup.prom"
    echo "backup    $name"
}

case ${3:-} in
now) dump; exit ;;
fresh) [ "$(age)" -lt $((every + 7200)) ]; exit ;;
esac
trap 'exit 0' TERM INT
while :; do
    [ "$(age)" -lt "$every" ] || dump || echo "backup    failed; the dumps of before are untouched, it is tried again in five minutes" >&2
    sleep "${VALET_BACKUP_LOOK:-300}" &
    wait $!
done
