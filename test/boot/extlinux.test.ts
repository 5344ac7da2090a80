import { describe, expect, it } from "vitest";
import { parseExtlinux } from "../../src/boot/extlinux.js";

/** As u-boot-menu writes it on Debian. */
const DEBIAN = `## /boot/extlinux/extlinux.conf
##
default l0
menu title U-Boot menu
prompt 0
timeout 50


label l0
	menu label Debian GNU/Linux 13 (trixie) 6.12.48+deb13-riscv64
	linux /boot/vmlinux-6.12.48+deb13-riscv64
	initrd /boot/initrd.img-6.12.48+deb13-riscv64
	fdtdir /usr/lib/linux-image-6.12.48+deb13-riscv64/

	append root=UUID=1234 ro quiet

label l0r
	menu label Debian GNU/Linux 13 (trixie) (rescue target)
	linux /boot/vmlinux-6.12.48+deb13-riscv64
	append root=UUID=1234 ro single
`;

describe("extlinux.conf", () => {
  it("is read as Debian's u-boot-menu writes it", () => {
    const { chosen, entries, timeout, warnings } = parseExtlinux(DEBIAN);
    expect(chosen).toEqual({
      label: "l0",
      menuLabel: "Debian GNU/Linux 13 (trixie) 6.12.48+deb13-riscv64",
      kernel: "/boot/vmlinux-6.12.48+deb13-riscv64",
      initrd: "/boot/initrd.img-6.12.48+deb13-riscv64",
      fdtDir: "/usr/lib/linux-image-6.12.48+deb13-riscv64/",
      append: "root=UUID=1234 ro quiet",
    });
    expect(entries).toHaveLength(2);
    expect(timeout).toBe(50);
    expect(warnings).toEqual([]);
  });

  it("takes keywords in any case, KERNEL for LINUX and DEVICETREE for FDT", () => {
    const { chosen } = parseExtlinux("LABEL a\r\n  KERNEL ../k\r\n  DeviceTree x.dtb\r\n");
    expect(chosen).toEqual({ label: "a", kernel: "../k", fdt: "x.dtb" });
  });

  it("starts the first entry when there is no default, and the MENU DEFAULT one when it is marked", () => {
    expect(parseExtlinux("label a\nlinux 1\nlabel b\nlinux 2").chosen?.label).toBe("a");
    expect(parseExtlinux("label a\nlinux 1\nlabel b\nmenu default\nlinux 2").chosen?.label).toBe("b");
  });

  it("warns and starts the first entry when the default does not exist", () => {
    const { chosen, warnings } = parseExtlinux("default gone\nlabel a\nlinux 1\n");
    expect(chosen?.label).toBe("a");
    expect(warnings[0]).toContain('"gone"');
  });

  it("chooses nothing when no entry names a kernel", () => {
    expect(parseExtlinux("default a\nlabel a\ninitrd x\n").chosen).toBeUndefined();
    expect(parseExtlinux("").chosen).toBeUndefined();
  });

  it("skips comments, unknown keywords and settings outside of entries", () => {
    const { chosen } = parseExtlinux(
      "# label x\nlinux /stray\nui menu.c32\nlabel a\n#linux no\nlinux yes\nipappend 2\n",
    );
    expect(chosen).toEqual({ label: "a", kernel: "yes" });
  });

  it("says that it does not follow includes", () => {
    expect(parseExtlinux("include more.conf\nmenu include theme.conf\n").warnings).toHaveLength(2);
  });
});
