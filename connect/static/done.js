// A popup closes itself once it has been read; a tab stays. A script may only close what a script opened.
var popup = !window.menubar.visible || (window.outerWidth <= 720 && window.screen.availWidth >= 1024);
if (popup) {
  window.setTimeout(function () { window.close(); }, 1500);
}
