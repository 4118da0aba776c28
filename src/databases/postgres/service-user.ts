/** Who a server runs as. PostgreSQL refuses root (main.c, check_root); null: the user that we are. */
export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}
