// Buttons that copy what stands beside them. Without this script they stay hidden, and a click selects it all.
document.querySelectorAll("button[data-copy]").forEach(function (button) {
  var source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) { return; }
  var label = button.textContent;
  function say(text) { button.textContent = text; }
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", function () {
    navigator.clipboard.writeText(source.value || source.textContent).then(
      function () { say("Copied"); },
      function () {
        // The browser does not let us: then it takes one key of theirs.
        if (source.select) { source.select(); } else { window.getSelection().selectAllChildren(source); }
        say("Selected");
      }
    );
  });
  button.addEventListener("blur", function () { say(label); });
});
