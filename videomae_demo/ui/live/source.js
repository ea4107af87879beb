// Where the picture comes from: a camera, or a video file that plays in its place, in the browser alone.

const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } }, audio: false };
const NO_CAMERA = {
  NotAllowedError: "The browser may not use the camera: allow it for this page, then press Start again.",
  NotFoundError: "There is no camera on this machine; play a video file in its place.",
  NotReadableError: "The camera is used by another program: close that, then press Start again.",
};

async function openCamera(video) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("A browser gives a camera to pages of this machine (localhost) or over https alone; play a video file in its place.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia(WANTED);
  } catch (error) {
    throw new Error(NO_CAMERA[error.name] || `The camera can't be used (${error.name}); play a video file in its place.`);
  }
  video.srcObject = stream;
  video.loop = false;
  await video.play();
}

async function openFile(video, file) {
  video.srcObject = null;
  video.src = URL.createObjectURL(file);
  video.loop = true;
  const cannot = () => new Error(`The browser can't play ${file.name}: choose an mp4 or a webm file.`);
  try {
    await video.play();
  } catch (error) {
    throw cannot();
  }
  if (!video.videoWidth) throw cannot();
}

// Let go of the camera, so that its light goes out, and of the file.
function closeSource(video) {
  video.pause();
  for (const track of video.srcObject?.getTracks() || []) track.stop();
  if (video.src.startsWith("blob:")) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
}
