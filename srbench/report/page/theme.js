// Before anything is painted: the colours that the reader chose last time.
try {
  const chosen = localStorage.getItem("srbench-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* a page from a file may have no storage */ }
