import { absent, known, unreadable, type FirstFact } from "./fact.js";

/** A device that Dom0's kernel serves to a guest. */
export interface KernelBackend {
  readonly kind: "vif" | "pci";
  readonly domid: number;
  /** As libxl counts the guest's devices of that kind. */
  readonly number: number;
}

/** The script's exit code where the kernel does not show its backends: that says nothing of what guests have. */
const UNTOLD = 3;

// builtins only: no process is started for a device
const SCRIPT = `
[ -d /sys/bus/xen-backend/devices ] || exit ${UNTOLD}
for path in /sys/bus/xen-backend/devices/vif-* /sys/bus/xen-backend/devices/pci-*; do
  if [ -e "$path" ]; then printf '%s\\n' "\${path##*/}"; fi
done
exit 0
`;

/**
 * Network cards and PCI devices that guests have now, by Dom0's own backends (drivers/xen/xenbus: `vif-DOMID-NUMBER`). What libxl
 * has stored of a guest gets what is plugged in, and keeps what is plugged out.
 */
export const fact: FirstFact<readonly KernelBackend[]> = {
  name: "kernel-backends",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode === UNTOLD) return absent;
    if (result.exitCode !== 0) return unreadable("devices that Dom0 serves to guests", result);
    const found = result.stdout.matchAll(/^(vif|pci)-(\d+)-(\d+)$/gm);
    return known([...found].map(([, kind = "", domid = "", number = ""]): KernelBackend => (
      { kind: kind === "pci" ? "pci" : "vif", domid: Number(domid), number: Number(number) })));
  },
};
