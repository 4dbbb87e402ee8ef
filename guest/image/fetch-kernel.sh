#!/bin/sh
# Fetch Debian's unmodified cloud kernel and unpack it; nothing is installed.
# usage: fetch-kernel.sh DIR    ->  DIR/boot/vmlinuz-…, DIR/lib/modules/…
set -eu
dir=$1
meta=linux-image-cloud-amd64
package=$(apt-cache depends "$meta" | sed -n 's/^ *Depends: *\(linux-image-.*\)/\1/p' | head -n 1)
if [ -z "$package" ]; then
	echo "fetch-kernel: apt knows no $meta; run apt-get update" >&2
	exit 1
fi
mkdir -p "$dir/pkg"
set -- "$dir"/pkg/"$package"_*.deb
if [ ! -e "$1" ]; then
	echo "fetch-kernel: downloading $package (about 27 MB)"
	# -o: the sandbox user may not be able to write into a build folder
	(cd "$dir/pkg" && apt-get -q -o APT::Sandbox::User=root download "$package")
	set -- "$dir"/pkg/"$package"_*.deb
fi
rm -rf "$dir/boot" "$dir/lib"
dpkg -x "$1" "$dir"
