#!/bin/sh
# build.sh makes the llama-server of llama.cpp that the opt-in tests of this folder
# run against, and prints the path of its binary as the last line of its output. With
# --path it only prints that path and builds nothing.
#
# The source is the git bundle of llama.cpp inside a pinned npm package, so the npm
# registry is all the network it needs. It takes some 15 minutes of processor time,
# which is why neither make e2e nor CI runs it. The result is kept in
# ${XDG_CACHE_HOME:-~/.cache}/hearth-e2e.
#
# It needs npm, git, cmake and a C++ compiler; on Debian and Ubuntu cmake and the
# compiler are installed when they are missing.
set -eu

version=${HEARTH_E2E_NODE_LLAMA_CPP_VERSION:-3.22.1}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hearth-e2e

# One build for the processors of the last ten years, not for the one at hand: the
# binary may be kept while the machine changes. OpenMP's threads spin, so none of it.
# The web interface would be fetched from elsewhere during the build.
flags="-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_OPENSSL=OFF
-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF
-DLLAMA_BUILD_EXAMPLES=OFF -DGGML_OPENMP=OFF -DGGML_NATIVE=OFF"

key=$(echo "$version $flags $(uname -s) $(uname -m)" | cksum | cut -d' ' -f1)
binary=$cache/llama-server-$version-$key/llama-server

if [ "${1:-}" = --path ] || [ -x "$binary" ]; then
	echo "$binary"
	exit 0
fi

for tool in npm git; do
	command -v $tool >/dev/null || { echo "build.sh: needs $tool" >&2; exit 1; }
done
if ! command -v cmake >/dev/null || ! command -v c++ >/dev/null; then
	if command -v apt-get >/dev/null; then
		root=; [ "$(id -u)" = 0 ] || root=sudo
		$root env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq cmake make g++' >&2
	else
		echo "build.sh: needs cmake and a C++ compiler" >&2
		exit 1
	fi
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "building llama-server of node-llama-cpp $version; this takes a quarter of an hour, once" >&2
(cd "$work" && npm pack --silent "node-llama-cpp@$version" >/dev/null && tar -xzf ./*.tgz package/llama/gitRelease.bundle)
git clone -q "$work/package/llama/gitRelease.bundle" "$work/src"
# shellcheck disable=SC2086 # the flags are words
cmake -S "$work/src" -B "$work/build" $flags >&2
cmake --build "$work/build" --target llama-server -j "$(getconf _NPROCESSORS_ONLN)" >&2

mkdir -p "$(dirname "$binary")"
mv "$work/build/bin/llama-server" "$binary"
echo "$binary"
