# shellcheck shell=sh
# Sourced by root's shell in the `debian` guest. For each program of the suite there are run_NAME, which is timed, and
# check_NAME, which prints what must be the same on all machines. All files are in memory.
work=/dev/shm

# The image `tools` on the second drive, laid over /usr.
add_tools() {
  mkdir -p /run/tools
  mount -o ro /dev/vdb1 /run/tools && modprobe overlay &&
    mount -t overlay -o ro,lowerdir=/run/tools/usr:/usr overlay /usr
}

make_inputs() {
  # Text of the image itself: the same on all machines.
  find /usr/lib/python3*/ -name '*.py' | LC_ALL=C sort | xargs cat 2>/dev/null | head -c 10000000 >$work/text
  head -c 800000 $work/text >$work/short-text
  # A million lines in no order.
  seq 1000000 | awk '{ state = (state * 1103515245 + 12345 + $1) % 2147483648; print state }' >$work/lines
  printf '#define STB_IMAGE_WRITE_IMPLEMENTATION\n#include <stb/stb_image_write.h>\n' >$work/program.c
}

run_python_nbody() { python3 /run/n-body.py 2000 >$work/energy; }
check_python_nbody() { cat $work/energy; }

run_python_sieve() { python3 /run/sieve.py 400000 >$work/primes; }
check_python_sieve() { cat $work/primes; }

run_gzip() { gzip -n -c $work/text >$work/text.gz; }
check_gzip() { cksum <$work/text.gz; }

run_xz() { xz -T 1 -c $work/short-text >$work/text.xz; }
check_xz() { cksum <$work/text.xz; }

# These run for a given time and print bytes a second.
speed() { openssl speed -mr -elapsed -seconds 2 -bytes 8192 "$@" 2>/dev/null | grep ^+F; }
run_openssl_sha256() { speed -evp sha256; }
check_openssl_sha256() { openssl dgst -sha256 <$work/text; }

run_openssl_aes() { speed -evp aes-128-cbc; }
check_openssl_aes() { openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00 <$work/text 2>/dev/null | cksum; }

run_gcc() { gcc -O2 -c $work/program.c -o $work/program.o; }
check_gcc() { cksum <$work/program.o; }

run_sort() { LC_ALL=C sort $work/lines >$work/sorted; }
check_sort() { cksum <$work/sorted; }

run_shell() {
  sh -c 'i=0; while [ $i -lt 60 ]; do /usr/bin/true; i=$((i + 1)); done; echo $i' >$work/turns
}
check_shell() { cat $work/turns; }
