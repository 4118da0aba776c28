import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceUser } from "../../src/databases/postgres/service-user.ts";

export interface PatroniLab {
  /** The service user owns it. */
  readonly dir: string;
  readonly bin: string;
  readonly etcdPort: number;
  readonly user: ServiceUser | null;
  readonly password: string;
  /** Patroni's own: what changes the cluster asks for them. */
  readonly auth: { readonly user: string; readonly password: string } | null;
}

export interface PatroniNode {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
}

export const nodeDir = ({ dir }: PatroniLab, name: string): string => join(dir, name);
export const dataDirOf = (lab: PatroniLab, name: string): string => join(nodeDir(lab, name), "data");
export const pidFileOf = (lab: PatroniLab, name: string): string => join(nodeDir(lab, name), "patroni.pid");
export const startOf = (lab: PatroniLab, name: string): string => join(nodeDir(lab, name), "start");

/** Configuration and start script of one node. */
export async function writeNode(lab: PatroniLab, node: PatroniNode): Promise<void> {
  const dir = nodeDir(lab, node.name);
  await mkdir(dir, { mode: 0o755 });
  const config = join(dir, "patroni.yml");
  // JSON is YAML.
  await writeFile(config, JSON.stringify(configuration(lab, node), null, 1), { mode: 0o600 });
  await writeFile(startOf(lab, node.name), startScript(lab, node.name, config), { mode: 0o755 });
  await chmod(dir, 0o755);
  if (lab.user === null) return;
  for (const path of [dir, config]) await chown(path, lab.user.uid, lab.user.gid);
}

/** In a session of its own, so that it outlives whoever starts it, as the service user; its pid is written before it becomes Patroni. */
function startScript(lab: PatroniLab, name: string, config: string): string {
  const as = lab.user === null ? "" : `setpriv --reuid=${lab.user.uid} --regid=${lab.user.gid} --clear-groups `;
  const dir = nodeDir(lab, name);
  return `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin; export PATH
setsid ${as}sh -c 'cd "$1" && echo $$ >"$2" && exec patroni "$3" >>"$1/patroni.log" 2>&1' sh '${dir}' '${pidFileOf(lab, name)}' '${config}' </dev/null >/dev/null 2>&1 &
`;
}

function configuration(lab: PatroniLab, node: PatroniNode): object {
  const { dir, bin, etcdPort, password, auth } = lab;
  const rest = `127.0.0.1:${node.restPort}`;
  const address = `127.0.0.1:${node.port}`;
  const login = { username: "postgres", password };
  return {
    scope: "lab",
    namespace: "/firedrill/",
    name: node.name,
    restapi: {
      listen: rest,
      connect_address: rest,
      ...(auth === null ? {} : { authentication: { username: auth.user, password: auth.password } }),
    },
    etcd3: { host: `127.0.0.1:${etcdPort}` },
    bootstrap: {
      // The smallest that Patroni takes: it waits `ttl` after the leader was last heard of.
      dcs: {
        ttl: 20,
        loop_wait: 1,
        retry_timeout: 3,
        postgresql: { use_pg_rewind: true, parameters: { wal_log_hints: "on" } },
      },
      initdb: ["data-checksums", "no-sync", { encoding: "UTF8" }, { locale: "C" }],
      pg_hba: [
        "local all all trust",
        "host all all 127.0.0.1/32 scram-sha-256",
        "host replication all 127.0.0.1/32 scram-sha-256",
      ],
    },
    postgresql: {
      listen: address,
      connect_address: address,
      data_dir: dataDirOf(lab, node.name),
      bin_dir: bin,
      pgpass: join(dir, node.name, "pgpass"),
      basebackup: ["no-sync", { checkpoint: "fast" }],
      authentication: { superuser: login, replication: login },
      // Not in the data directory: pg_rewind takes no sockets.
      parameters: {
        unix_socket_directories: join(dir, node.name),
        fsync: "off",
        shared_buffers: "16MB",
        log_checkpoints: "off",
      },
    },
    watchdog: { mode: "off" },
  };
}
