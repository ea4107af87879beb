// Tells Python of a clip that the browser can't show: an unknown container is an error, an unknown
// codec beside a known sound is a film without a picture. Neither event bubbles, hence the capture.

const isBlank = (video) => {
  if (!video.currentSrc) return false;
  return Boolean(video.error) || (video.readyState >= video.HAVE_METADATA && video.videoWidth === 0);
};

function inspect(event) {
  const video = event.target;
  if (!(video instanceof HTMLVideoElement) || !video.closest(WATCHED) || !isBlank(video)) return;
  event.stopPropagation(); // no complaint: a preview is on its way
  trigger("unplayable", {});
}

document.addEventListener("error", inspect, true);
document.addEventListener("loadedmetadata", inspect, true);
// Python makes previews of explored clips alone, and may have been told before it explored this one.
window.addEventListener(EXPLORED, () => {
  const video = document.querySelector(`${WATCHED} video`);
  if (video && isBlank(video)) trigger("unplayable", {});
});
