// Generated from this folder: every file that exports `fact`.
import { fact as blockDevices } from "./block-devices.js";
import { fact as books } from "./books.js";
import { fact as diskTargets } from "./disk-targets.js";
import { fact as domainList } from "./domain-list.js";
import { fact as hostIdentity } from "./host-identity.js";
import { fact as loops } from "./loops.js";
import { fact as managers } from "./managers.js";
import { fact as memory } from "./memory.js";
import { fact as modules } from "./modules.js";
import { fact as mounts } from "./mounts.js";
import { fact as saveFiles } from "./save-files.js";
import { fact as storedConfigs } from "./stored-configs.js";
import { fact as tools } from "./tools.js";
import { fact as volumeGroups } from "./volume-groups.js";
import { fact as volumeHeads } from "./volume-heads.js";
import { fact as volumes } from "./volumes.js";
import { fact as xen } from "./xen.js";
import { fact as xenstoreBackends } from "./xenstore-backends.js";
import { fact as xlConfigs } from "./xl-configs.js";

export const facts = {
  blockDevices,
  books,
  diskTargets,
  domainList,
  hostIdentity,
  loops,
  managers,
  memory,
  modules,
  mounts,
  saveFiles,
  storedConfigs,
  tools,
  volumeGroups,
  volumeHeads,
  volumes,
  xen,
  xenstoreBackends,
  xlConfigs,
} as const;
