// A form is sent once, however fast its button is pressed twice: else the answer to the second click, which is
// that all was done before, is what a person sees. After ten seconds, or on the way back, it may be sent again.
function again(form) { delete form.dataset.sent; }
document.addEventListener("submit", function (event) {
  var form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  window.setTimeout(again, 10000, form);
});
window.addEventListener("pageshow", function () { document.querySelectorAll("form").forEach(again); });
