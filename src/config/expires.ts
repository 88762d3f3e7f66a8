/** What `expires` may be, as nginx writes it, unless variables say it. */
export const expiresPattern =
  /^(off|max|epoch|@(\d{1,9}[yMwdhms] ?)*\d{1,9}[yMwdhms]?|(modified )?[-+]?(\d{1,9}[yMwdhms] ?)*\d{1,9}[yMwdhms]?)$/
