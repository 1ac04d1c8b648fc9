import { known, unreadable, type FirstFact } from "./fact.js";

// A marker is what the manager itself leaves where it owns guests, not the package alone. libvirt: the libxl
// driver's own definitions or running guests.
const SCRIPT = `
marks() { for path in "$@"; do if [ -e "$path" ]; then return 0; fi; done; return 1; }
if marks /etc/xensource/pool.conf /etc/xensource-inventory; then echo xapi; fi
if marks /etc/libvirt/libxl/*.xml /run/libvirt/libxl/*.xml /var/lib/libvirt/libxl/*.save; then echo libvirt; fi
if marks /var/lib/ganeti/config.data /var/lib/ganeti/ssconf_cluster_name; then echo ganeti; fi
if marks /run/pacemaker /var/lib/pacemaker/cib/cib.xml; then echo pacemaker; fi
exit 0
`;

/** Others who own guests on this host. */
export const fact: FirstFact<readonly string[]> = {
  name: "managers",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("other managers of guests", result);
    const names = new Set(["ganeti", "libvirt", "pacemaker", "xapi"]);
    return known(result.stdout.split("\n").map((line) => line.trim()).filter((line) => names.has(line)).sort());
  },
};
