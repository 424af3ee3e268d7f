#!/bin/sh
# Checks that the named prerequisites are here: go, node, npm, cc, ffmpeg, chromium, or
# ffmpeg-or-root (the workload's start task can install ffmpeg as root). A
# missing one is named together with how to get it, all at once. With
# INSTALL=yes, what apt-get has is installed where this user is root.
set -u
cd "$(dirname "$0")/.." || exit 1

missing=0

lacks() { # what, on Linux, on macOS
	missing=1
	if [ "$(uname -s)" = Darwin ]; then how=$3; else how=$2; fi
	printf 'missing: %s\n    get it: %s\n' "$1" "$how" >&2
}

is_root_with_apt() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

install() { # package...
	[ "${INSTALL:-no}" = yes ] && is_root_with_apt || return 1
	echo "installing $* with apt-get" >&2
	apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2
}

require() {
	case $1 in
	go)
		go version >/dev/null 2>&1 && go list -m >/dev/null 2>&1 && return
		lacks "Go 1.26 or later (go.mod asks for it)" \
			"https://go.dev/doc/install; an older Go (1.21 or later) fetches the right one by itself unless GOTOOLCHAIN=local forbids it" \
			"brew install go"
		;;
	node)
		major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || major=0
		[ "$major" -ge 20 ] && return
		lacks "Node.js 20 or later, which runs Azurite" \
			"https://nodejs.org/en/download, or your distribution's package if it is new enough (apt-get install nodejs npm)" \
			"brew install node"
		;;
	npm)
		command -v npm >/dev/null 2>&1 && return
		lacks "npm, which installs Azurite" \
			"it comes with Node.js; on Debian and Ubuntu: apt-get install npm" \
			"brew install node"
		;;
	cc)
		command -v cc >/dev/null 2>&1 && return
		[ "$(uname -s)" = Darwin ] && return # the race detector needs no C compiler there
		install gcc libc6-dev && return
		lacks "a C compiler, which Go's race detector needs" \
			"sudo apt-get install gcc libc6-dev (Debian, Ubuntu), or sudo dnf install gcc (Fedora)" \
			""
		;;
	ffmpeg)
		command -v ffmpeg >/dev/null 2>&1 && command -v ffprobe >/dev/null 2>&1 && return
		install ffmpeg && return
		lacks "ffmpeg (with ffprobe)" \
			"sudo apt-get install ffmpeg (Debian, Ubuntu), or sudo dnf install ffmpeg-free (Fedora)" \
			"brew install ffmpeg"
		;;
	chromium)
		command -v chromium >/dev/null 2>&1 && return
		install chromium && return
		lacks "Chromium, which the pages are tested in, as chromium on the PATH" \
			"sudo apt-get install chromium (Debian), or sudo dnf install chromium (Fedora)" \
			"brew install --cask chromium"
		;;
	ffmpeg-or-root)
		is_root_with_apt || require ffmpeg
		;;
	*)
		printf 'require.sh: what is %s?\n' "$1" >&2
		exit 2
		;;
	esac
}

for name in "$@"; do
	require "$name"
done
exit $missing
