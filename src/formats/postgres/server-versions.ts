/** Major version by what each server writes into its files (catversion.h and xlog_internal.h of each release branch). */
const MAJOR_BY_CATALOG: Readonly<Record<number, number>> = {
  202007201: 13,
  202107181: 14,
  202209061: 15,
  202307071: 16,
  202406281: 17,
  202506291: 18,
};

const MAJOR_BY_WAL_MAGIC: Readonly<Record<number, number>> = {
  0xd106: 13,
  0xd10d: 14,
  0xd110: 15,
  0xd113: 16,
  0xd116: 17,
  0xd118: 18,
};

/** Null for a catalog version that is not one of a release from 13 to 18. */
export function majorOfCatalog(catalogVersion: number): number | null {
  return MAJOR_BY_CATALOG[catalogVersion] ?? null;
}

/** Null for a page magic that is not one of a release from 13 to 18. */
export function majorOfWalMagic(magic: number): number | null {
  return MAJOR_BY_WAL_MAGIC[magic] ?? null;
}
