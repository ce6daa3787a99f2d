// Runs before the page is drawn, so that it does not flash in the other colors.
const theme = localStorage.getItem("personsearch.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
