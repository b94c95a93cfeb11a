#!/usr/bin/env bash
# toolchain.sh DIR: puts Debian trixie's Swift into a directory to chroot into, as root, in about a minute
# (474 MB to load, 976 MB on disk). apt resolves and loads, tar unpacks; no package's script is run, and
# nothing of this machine is changed. A directory that is complete is left as it is.
set -euo pipefail
dir=${1:?a directory}
[ -e "$dir/complete" ] && exit
unfinished=$dir.unfinished
apt=$dir.apt
rm -rf "$unfinished" "$apt"
mkdir -p "$unfinished" "$apt"/{lists/partial,cache/archives/partial,etc}
trap 'rm -rf "$unfinished" "$apt"' EXIT
: >"$apt/status"
# From where this machine's own apt takes its packages.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
	sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) .*/\2/p' | grep -v security | head -1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:?apt has no mirror} trixie main" >"$apt/etc/list"
options=(-qq
	-o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache"
	-o Dir::Etc::sourcelist="$apt/etc/list" -o Dir::Etc::sourceparts=-
	-o APT::Install-Recommends=false -o Acquire::Languages=none -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
apt-get "${options[@]}" update
# Without what only the debugger, the other compiler and installation want.
needless='python3.*|libpython3\..*|gcc.*|cpp.*|debconf|perl.*|.*sanitizer.*|media-types|tzdata|openssl|ca-certificates|systemd.*|apt.*'
needless+='|passwd|login.*|mount|util-linux|lib(asan|lsan|tsan|ubsan|hwasan|gprofng|quadmath|itm|isl|mpc|mpfr|cc1).*'
mapfile -t packages < <(apt-get "${options[@]}" --simulate install swiftlang libc6-dev libgcc-14-dev libstdc++-14-dev binutils |
	awk '/^Inst/ {print $2}' | grep -vE "^($needless)$")
(cd "$apt/cache/archives" && apt-get "${options[@]}" download "${packages[@]}")
for link in bin sbin lib lib64; do
	mkdir -p "$unfinished/usr/$link"
	ln -s "usr/$link" "$unfinished/$link"
done
for package in "$apt"/cache/archives/*.deb; do
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$unfinished" --keep-directory-symlink \
		--exclude='*/lldb*' --exclude='*/liblldb*' --exclude='*/clangd' --exclude='*/sourcekit-lsp' --exclude='*/libsourcekitdInProc*' \
		--exclude='*/docc' --exclude='*/bin/*lld*' --exclude='*/swift_static' --exclude='*/lib/swift/embedded' \
		--exclude='*/FrameworkABIBaseline' --exclude='*/libLTO*' \
		--exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale'
done
mkdir -p "$unfinished"/{build,clients,dev,proc,root,tests,tmp}
ln -sfn ../libexec/swift/bin/swift "$unfinished/usr/bin/swift" # as its installation would
[ -e "$unfinished/dev/null" ] || mknod -m 666 "$unfinished/dev/null" c 1 3
[ -e "$unfinished/dev/urandom" ] || mknod -m 666 "$unfinished/dev/urandom" c 1 9
touch "$unfinished/complete"
mv "$unfinished" "$dir"
