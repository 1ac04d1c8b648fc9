import type { Unfit } from "../model/storage.js";
import { groupsOf } from "./check.js";
import type { Check } from "./check.js";

const WHY: Readonly<Record<Unfit, { readonly says: string; readonly fix: string }>> = {
  "read-only": { says: "is read-only: LVM makes no volume in it", fix: "Make it writeable (vgchange --permission rw), or name another group." },
  exported: { says: "is exported: LVM touches nothing in it", fix: "Import it (vgimport), or name another group." },
  clustered: { says: "is clustered: another host may use its volumes at the same time", fix: "Name a group that is this host's alone." },
  shared: { says: "is shared: another host may use its volumes at the same time", fix: "Name a group that is this host's alone." },
  "of-one-name": { says: "is the name of two volume groups: which one is meant, nobody can tell", fix: "Rename one of them by its UUID (vgrename UUID NAME)." },
};

export const volumeGroupUnfit: Check = {
  code: "volume-group-unfit",
  about: "a volume group that LVM changes nothing in, that is not this host's alone, or that is two",
  run: ({ moves, estimate, state, desired }) =>
    [...groupsOf({ moves, estimate })].flatMap((group) => (state.volumeGroups[group]?.unfit ?? []).map((unfit) => ({
      at: desired.at, summary: `${group} ${WHY[unfit].says}`, fix: WHY[unfit].fix,
    }))),
};
