#!/bin/sh
# Installs Orderbell on a machine with systemd (Debian 12 or newer, or alike) from this folder; run it as root.
#
#   deploy/install.sh                install, or bring what is installed to this version
#   deploy/install.sh --uninstall    remove all but the configuration and the secrets
#   deploy/install.sh --purge        remove those as well
#
# Run twice, it changes nothing the second time. It starts and stops no daemon (only --uninstall does), and a
# configuration that is there is left as it is. Nothing of it touches a database.
#
#   DESTDIR=FOLDER   put everything below FOLDER, as for a package; the machine itself is left alone
#   PYTHON=python3   which Python, 3.11 or newer
#   EXTRAS=otel,redis,dkim   what of the optional parts is wanted; their versions are those of requirements-dev.lock.
#                            Without it, what is installed now has; EXTRAS= is none
set -eu
umask 022
cd "$(dirname "$0")/.."

DESTDIR=${DESTDIR:-}
PYTHON=${PYTHON:-python3}
prefix=/opt/orderbell
EXTRAS=${EXTRAS-$(cat "$DESTDIR$prefix/current/.extras" 2>/dev/null || :)}
share=/usr/local/share

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}
# Whether it is this running machine that is changed, and systemd runs it.
here() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

# --- where everything goes: what is here, its mode, its place ------------------------------------------------------
files() {
    cat <<END
systemd/orderbell.service 0644 /etc/systemd/system/orderbell.service
systemd/orderbell@.service 0644 /etc/systemd/system/orderbell@.service
systemd/orderbell.sysusers 0644 /etc/sysusers.d/orderbell.conf
systemd/orderbell.tmpfiles 0644 /etc/tmpfiles.d/orderbell.conf
deploy/orderbell-shell 0755 /usr/local/sbin/orderbell
deploy/postgresql/roles.sql 0644 $share/orderbell/postgresql/roles.sql
deploy/postgresql/grants.sql 0644 $share/orderbell/postgresql/grants.sql
LICENSE 0644 $share/orderbell/LICENSE
END
}
completions() {
    cat <<END
bash $share/bash-completion/completions/orderbell
zsh $share/zsh/site-functions/_orderbell
fish $share/fish/vendor_completions.d/orderbell.fish
END
}

# --- install -------------------------------------------------------------------------------------------------------

# Only where it differs, so that a second run changes no file; a link in its place is never written through.
put() {
    [ -L "$3" ] && rm -f "$3"
    cmp -s "$1" "$3" 2>/dev/null || { install -D -m "$2" "$1" "$3" && say "wrote ${3#"$DESTDIR"}"; }
}

identity() {
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
    sum=$({
        "$PYTHON" --version
        say "$EXTRAS"
        cat requirements.lock requirements-dev.lock deploy/pinned.py
        find pyproject.toml config daemon demo dispatchers schema web -type f ! -path '*/__pycache__/*' -exec sha256sum {} + |
            LC_ALL=C sort
    } | sha256sum | cut -c 1-12)
    say "$version-$sum"
}

# An environment of its own for each version: a daemon that runs keeps the one it was started from.
build() {
    release=$1 extras=$2
    folder=$DESTDIR$prefix/releases/$release
    [ -e "$folder/.complete" ] && return
    say "installing what Orderbell needs into $prefix/releases/$release ..."
    rm -rf "$folder"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT INT TERM
    pip="pip --quiet --disable-pip-version-check --no-input"
    "$PYTHON" -m venv "$work/build" || fail "Python's venv module does not work here. On Debian: apt-get install python3-venv"
    "$PYTHON" deploy/pinned.py requirements-dev.lock hatchling >"$work/build.lock"
    # shellcheck disable=SC2086 # words of a command
    "$work/build/bin/python" -m $pip install --require-hashes --requirement "$work/build.lock"
    "$work/build/bin/python" -m hatchling build --target wheel --directory "$work" >"$work/build.log" 2>&1 || {
        cat "$work/build.log" >&2
        fail "Orderbell's own package cannot be built"
    }
    "$PYTHON" -m venv "$folder"
    # shellcheck disable=SC2086
    "$folder/bin/python" -m $pip install --require-hashes --requirement requirements.lock
    if [ -n "$extras" ]; then
        # shellcheck disable=SC2086
        "$PYTHON" deploy/pinned.py requirements-dev.lock $extras >"$work/extras.lock"
        # shellcheck disable=SC2086
        "$folder/bin/python" -m $pip install --require-hashes --requirement "$work/extras.lock"
    fi
    # shellcheck disable=SC2086
    "$folder/bin/python" -m $pip install --no-deps "$work"/orderbell-*.whl
    if [ -n "$DESTDIR" ]; then
        # A virtual environment knows its place.
        grep -rlI "$DESTDIR$prefix" "$folder/bin" "$folder/pyvenv.cfg" | while read -r file; do
            sed -i "s|$DESTDIR$prefix|$prefix|g" "$file"
        done
    fi
    say "$EXTRAS" >"$folder/.extras"
    : >"$folder/.complete"
}

# The packages that the wanted extras need, by what pyproject.toml says of them.
optional() {
    for extra in $(printf '%s' "$EXTRAS" | tr ',' ' '); do
        case $extra in
        redis) say redis ;;
        dkim) say dkimpy ;;
        otel) say opentelemetry-sdk opentelemetry-exporter-otlp-proto-http ;;
        *) fail "there is no optional part $extra; there are redis, dkim and otel" ;;
        esac
    done
}

completion() {
    shell=$1 place=$DESTDIR$2
    # By its name, since what completes a command is made for the name it was called by.
    env "_ORDERBELL_COMPLETE=source_$shell" "$DESTDIR$prefix/current/bin/python" -c \
        'import sys; from daemon.cli import main; sys.argv = ["orderbell"]; main()' >"$temporary"
    put "$temporary" 0644 "$place"
}

install_all() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Orderbell needs Python 3.11 or newer; this is $("$PYTHON" --version)"
    extras=$(optional)
    release=$(identity)
    build "$release" "$extras"
    before=$(readlink "$DESTDIR$prefix/current" || :)
    ln -sfn "releases/$release" "$DESTDIR$prefix/current"
    ln -sfn current/bin "$DESTDIR$prefix/bin"
    install -d -m 0755 "$DESTDIR/usr/local/bin"
    ln -sfn "$prefix/bin/orderbell" "$DESTDIR/usr/local/bin/orderbell"

    files | while read -r from mode to; do put "$from" "$mode" "$DESTDIR$to"; done
    temporary=$(mktemp)
    completions | while read -r shell to; do completion "$shell" "$to"; done
    rm -f "$temporary"

    install -d -m 0750 "$DESTDIR/etc/orderbell"
    install -d -m 0700 "$DESTDIR/etc/credstore"
    [ -e "$DESTDIR/etc/orderbell/orderbell.toml" ] ||
        put config/orderbell.toml 0640 "$DESTDIR/etc/orderbell/orderbell.toml"
    if here; then
        systemd-sysusers /etc/sysusers.d/orderbell.conf
        systemd-tmpfiles --create /etc/tmpfiles.d/orderbell.conf
        systemctl daemon-reload
    fi

    # The one before stays, to go back to and for a daemon that still runs from it. Where nothing was switched, it is not
    # known which that is.
    if [ "$before" != "releases/$release" ]; then
        for old in "$DESTDIR$prefix/releases"/*; do
            case ${old##*/} in
            "$release" | "${before#releases/}") ;;
            *) rm -rf "$old" ;;
            esac
        done
    fi
    say "Orderbell $release is installed. Next: docs/how-to/systemd.md"
}

# --- uninstall -----------------------------------------------------------------------------------------------------

uninstall_all() {
    if here; then
        systemctl disable --now orderbell.service 2>/dev/null || :
        systemctl stop 'orderbell@*.service' 2>/dev/null || :
    fi
    # What `enable` made: `disable` takes no pattern.
    rm -f "$DESTDIR"/etc/systemd/system/*.wants/orderbell.service "$DESTDIR"/etc/systemd/system/*.wants/orderbell@*.service
    files | while read -r _ _ to; do rm -f "$DESTDIR$to"; done
    completions | while read -r _ to; do rm -f "$DESTDIR$to"; done
    rm -rf "$DESTDIR$prefix" "$DESTDIR$share/orderbell"
    [ -L "$DESTDIR/usr/local/bin/orderbell" ] && rm -f "$DESTDIR/usr/local/bin/orderbell"
    if [ "$1" = purge ]; then
        rm -rf "$DESTDIR/etc/orderbell"
        rm -f "$DESTDIR/etc/credstore"/orderbell.* "$DESTDIR/etc/credstore"/orderbell@*
        here && userdel orderbell 2>/dev/null || :
    fi
    here && systemctl daemon-reload
    say "Orderbell is removed from this machine. Its schema is still in the database: see docs/how-to/systemd.md"
}

[ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "run it as root, or with DESTDIR"
case ${1:-} in
'') install_all ;;
--uninstall) uninstall_all keep ;;
--purge) uninstall_all purge ;;
-h | --help) sed -n '2,/^set -eu/{/^set -eu/!s/^# \{0,1\}//p}' deploy/install.sh ;;
*) fail "what is $1? There are --uninstall and --purge" ;;
esac
