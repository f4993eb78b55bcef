// The zone of the reader's clock, for times that the server tells and days that are searched for (staff/zone.py).
document.cookie = [
  `time_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`,
  "path=/; max-age=31536000; samesite=lax",
  ...(location.protocol === "https:" ? ["secure"] : []),
].join("; ");
