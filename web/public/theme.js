// Before the first paint, so that a chosen theme does not flash; without a choice the system's is taken by the style sheet.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // storage is refused: the system's
}
