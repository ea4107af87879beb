// Tells Python of a clip that the browser can't show: an unknown container is an error, an unknown
// codec beside a known sound is a film without a picture. Neither event bubbles, hence the capture.

const isBlank = (video) => {
  if (!video.currentSrc) return false;
  return Boolean(video.error) || (video.readyState >= video.HAVE_METADATA && video.videoWidth === 0);
};

function inspect(event) {
  const video = event.target;
  if (!(video instanceof HTMLVideoElement) || !video.closest(WATCHED) || !isBlank(video)) return;
  event.stopPropagation(); // show no error: a preview is being made
  trigger("unplayable", {});
}

document.addEventListener("error", inspect, true);
document.addEventListener("loadedmetadata", inspect, true);
// Python makes previews of explored clips only. It may have heard of this one before it
// explored it: so it is told again.
window.addEventListener(EXPLORED, () => {
  const video = document.querySelector(`${WATCHED} video`);
  if (video && isBlank(video)) trigger("unplayable", {});
});
