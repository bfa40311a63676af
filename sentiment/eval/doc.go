// Package eval measures vocal emotion: from clips with their labels and scores to rates with intervals. It knows nothing of files:
// slices in, numbers out, no clock, no goroutines.
//
// The way through it: Speech cuts a clip of a corpus to what a session would hand to the model, History draws which other clips of the
// speaker the normaliser hears first, the caller scores, and Evaluate makes the Report. Calibrate goes the other way: from the same scored
// clips, where they are a site's own, to what puts the scores of the model right on that site's line.
//
// Terms. UAR, the unweighted average recall, is the mean over classes of the share recognised, so that a frequent class weighs no
// more than a rare one; WAR is plain accuracy. The AUC of arousal is the chance that a clip of an aroused class (angry, happy) scores
// above one of a calm class (neutral, sad). ECE is the mean distance between confidence and accuracy over ten bins of confidence.
// Intervals draw speakers and not clips: clips of one speaker are no independent trials, and an interval over clips is too narrow.
//
// References: Schuller, Steidl & Batliner, The INTERSPEECH 2009 Emotion Challenge (UAR). Guo, Pleiss, Sun & Weinberger, On Calibration
// of Modern Neural Networks, ICML 2017 (ECE, temperature). Field & Welsh, Bootstrapping clustered data, JRSS B 69, 2007.
package eval
