#!/bin/sh
# Installs the Debian packages that the tests need and this machine lacks. Nothing else passes here: a second
# run installs nothing and says nothing. No service is started, not even the ones whose packages come in.
set -eu

PACKAGES="chromium faketime gettext git postfix postgresql python3-venv redis-server strace"
POLICY=/usr/sbin/policy-rc.d
KEPT_POLICY=$POLICY.kept-by-make-test

if [ "$(id -u)" -ne 0 ]; then
    echo "The tests install Debian packages and start servers as their own users: run make test as root." >&2
    exit 1
fi

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# What invoke-rc.d asks before it starts a service: 101 means no.
forbid_services() {
    trap allow_services EXIT
    trap 'exit 130' HUP INT TERM
    if [ -e "$POLICY" ]; then
        mv "$POLICY" "$KEPT_POLICY"
    fi
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

allow_services() {
    rm -f "$POLICY"
    if [ -e "$KEPT_POLICY" ]; then
        mv "$KEPT_POLICY" "$POLICY"
    fi
}

missing=
for package in $PACKAGES; do
    is_installed "$package" || missing="$missing $package"
done
# A machine may have Node.js from elsewhere, with npm in it.
command -v npm >/dev/null || missing="$missing nodejs npm"
if [ -z "$missing" ]; then
    exit 0
fi

echo "Installing:$missing"
log=$(mktemp)
forbid_services
export DEBIAN_FRONTEND=noninteractive
# The tests bring a configuration of their own; without this, Postfix would ask for one.
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
# shellcheck disable=SC2086  # A list of names.
if ! { apt-get update && apt-get install --yes --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"
