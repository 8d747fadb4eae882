/* Runs only where modules are unknown (before Chrome 61, Safari 11): says so instead of staying blank. */
document.addEventListener('DOMContentLoaded', function () {
  document.getElementById('app').textContent =
    '浏览器太旧，不能视频。请更新或用手机自带浏览器。提示编号C06 / Browser too old for video. Update, or use the phone\'s own. Code C06';
});
