import type { FactValues } from "../facts/readings.js";
import type { Image, Mapping, Volume } from "../model/storage.js";

/** Device-mapper devices, md arrays and DRBD resources of converge's own, what they lie on found by its `major:minor`. */
export function observeMappings(
  facts: FactValues,
  { volumes, images }: { readonly volumes: Readonly<Record<string, Volume>>; readonly images: Readonly<Record<string, Image>> },
): readonly Mapping[] {
  const named = new Map<string, string>();
  for (const volume of Object.values(volumes)) if (volume.devno !== undefined) named.set(volume.devno, volume.name);
  for (const loop of facts.loops ?? []) {
    const device = facts.blockDevices?.find(({ name }) => `/dev/${name}` === loop.device);
    const image = Object.values(images).find(({ inode, devno }) => inode === loop.inode && devno === loop.devno);
    if (device !== undefined && image !== undefined) named.set(device.devno, image.path);
  }
  const legOf = (devno: string | undefined): string => (devno === undefined ? "?" : (named.get(devno) ?? devno));
  return [...(facts.mappings ?? []), ...(facts.arrays ?? []), ...(facts.resources?.resources ?? [])].map(({ name, bytes, open, bitmap, kind, legs, inSync }): Mapping => ({
    name, bytes, open, ...(bitmap === true ? { bitmap } : {}),
    table: kind === "linear"
      ? { kind, on: legOf(legs[0]) }
      : { kind, from: legOf(legs[0]), to: legOf(legs[1]), inSync },
  }));
}
