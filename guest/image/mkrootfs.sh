#!/bin/sh
# Build the containers' root: busybox with its applets, as a read-only erofs.
# Uncompressed, so that reading it costs a copy and no decompression.
# usage: mkrootfs.sh OUT BUSYBOX STAGING [PROGRAM...]
set -eu
out=$1 busybox=$2 root=$3
shift 3
rm -rf "$root"
top=$(pwd)
mkdir -p "$root"
cd "$root"
mkdir -p bin dev etc home lib mnt opt proc root run sbin srv sys tmp usr/bin \
	usr/sbin var/lib var/log var/tmp
chmod 0700 root
chmod 1777 tmp var/tmp
cp "$busybox" bin/busybox
chmod 0755 bin/busybox
"$busybox" --list-full | while read -r applet; do
	case $applet in
	bin/busybox) ;;
	*) mkdir -p "$(dirname "$applet")"; ln -sf /bin/busybox "$applet" ;;
	esac
done
for program; do
	cp "$top/$program" bin/
done
cat >etc/passwd <<END
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
user:x:1000:1000:user:/home:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
END
cat >etc/group <<END
root:x:0:
tty:x:5:
user:x:1000:
nogroup:x:65534:
END
echo 'PS1="\u@\h:\w\\$ "' >etc/profile
echo '127.0.0.1 localhost' >etc/hosts
: >etc/resolv.conf
cd - >/dev/null
# fixed time, UUID and owner: the same input gives the same image
mkfs.erofs -T0 -U00000000-0000-0000-0000-000000000001 --all-root --quiet \
	"$out" "$root" 2>/dev/null || mkfs.erofs -T0 \
	-U00000000-0000-0000-0000-000000000001 --all-root "$out" "$root" >/dev/null
