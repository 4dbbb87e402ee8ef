#!/bin/sh
# Fetch a Debian package by its name and unpack it; nothing is installed.
# usage: fetch-package.sh DIR PACKAGE	->  DIR/boot/..., as in the package
set -eu
dir=$1
package=$2
mkdir -p "$dir/pkg"
set -- "$dir"/pkg/"$package"_*.deb
if [ ! -e "$1" ]; then
	echo "fetch-package: downloading $package"
	# -o: the sandbox user may not be able to write into a build folder
	(cd "$dir/pkg" && apt-get -q -o APT::Sandbox::User=root download "$package") || {
		echo "fetch-package: apt has no $package; run apt-get update" >&2
		exit 1
	}
	set -- "$dir"/pkg/"$package"_*.deb
fi
dpkg -x "$1" "$dir"
