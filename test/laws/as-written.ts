import type { Model } from "../../src/core/model/model.js";
import { withDomain } from "../../src/core/model/transform.js";
import { editDisks } from "../../src/core/xl/edit.js";
import { sha256 } from "../support/a-host.js";

/** The model keeps disks and hash of an edited config, and a plan edits its text: here it gets the text that goes with them. */
export function asWritten(model: Model): Model {
  return Object.values(model.host.domains).reduce((at, domain) => {
    const { config } = domain;
    if (config === undefined) return at;
    const list = config.disks.map(({ target, vdev }) => `'${target.startsWith("/dev/") ? "phy" : "file"}:${target},${vdev},w'`).join(", ");
    const onVolumes = config.disks.filter(({ target }) => target.startsWith("/dev/")).map(({ target, vdev }) => ({ vdev, device: target }));
    const texts = [
      config.text.text.replace(/disk = \[ .* \]/, () => `disk = [ ${list} ]`), editDisks(config.text, onVolumes).value?.after.text ?? "", config.text.text,
    ];
    const text = texts.find((one) => sha256(one) === config.sha256);
    if (text === undefined) throw new Error(`not what an edit makes: ${texts.join("\n")}`);
    return withDomain(at, { ...domain, config: { ...config, text: { ...config.text, text } } });
  }, model);
}
