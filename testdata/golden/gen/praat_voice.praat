# Measures one sound for testdata/golden/praat. Called by praat_voice.py, which cuts the sound to 45 ms + k * 10 ms, so that the
# pitch frames stand at 22.5 ms + k * 10 ms.
form Measure
	sentence input in.wav
	sentence output out.txt
endform
writeFile: output$, ""
sound = Read from file: input$
duration = Get total duration

# Pitch by autocorrelation, all settings spelt out: the standard ones but for the ceiling.
pitch = To Pitch (ac): 0.01, 75, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14, 500
frames = Get number of frames
first = Get time from frame number: 1
appendFileLine: output$, "first ", fixed$ (first, 6)
for i to frames
	hz = Get value in frame: i, "Hertz"
	if hz = undefined
		hz = 0
	endif
	appendFileLine: output$, "f0 ", fixed$ (hz, 4)
endfor

# Voice quality, with the standard arguments of the queries.
selectObject: sound, pitch
pulses = To PointProcess (cc)
count = Get number of points
appendFileLine: output$, "pulses ", count
jitter = Get jitter (local): 0, 0, 0.0001, 0.02, 1.3
appendFileLine: output$, "jitter ", fixed$ (jitter, 6)
selectObject: sound, pulses
shimmer = Get shimmer (local): 0, 0, 0.0001, 0.02, 1.3, 1.6
appendFileLine: output$, "shimmer ", fixed$ (shimmer, 6)

# Harmonicity: 5 ms less at each end puts its frames where those of the pitch are.
selectObject: sound
part = Extract part: 0.005, duration - 0.005, "rectangular", 1, "no"
harmonicity = To Harmonicity (cc): 0.01, 75, 0.1, 1.0
mean = Get mean: 0, 0
appendFileLine: output$, "hnr_mean ", fixed$ (mean, 4)
first = Get time from frame number: 1
appendFileLine: output$, "hnr_first ", fixed$ (first + 0.005, 6)
frames = Get number of frames
for i to frames
	db = Get value in frame: i
	appendFileLine: output$, "hnr ", fixed$ (db, 4)
endfor

# Syllable nuclei after de Jong & Wempe (2009): peaks of intensity within 25 dB of its 99 % quantile that rise by 2 dB from the
# dip before them and are voiced by their pitch settings.
selectObject: sound
voicing = noprogress To Pitch (ac): 0.02, 30, 4, "no", 0.03, 0.25, 0.01, 0.35, 0.25, 450
selectObject: sound
intensity = To Intensity: 50, 0.01, "yes"
top = Get quantile: 0, 0, 0.99
greatest = Get maximum: 0, 0, "None"
threshold = top - 25
frames = Get number of frames
dip = 1000
for i to frames
	selectObject: intensity
	here = Get value in frame: i
	dip = min (dip, here)
	before = -1000
	after = -1000
	if i > 1
		before = Get value in frame: i - 1
	endif
	if i < frames
		after = Get value in frame: i + 1
	endif
	if here > threshold and here > before and here >= after
		time = Get time from frame number: i
		if here - dip >= 2
			selectObject: voicing
			hz = Get value at time: time, "Hertz", "linear"
			if hz <> undefined
				appendFileLine: output$, "nucleus ", fixed$ (time, 6)
			endif
		endif
		dip = here
	endif
endfor
selectObject: intensity
grid = To TextGrid (silences): threshold - greatest, 0.3, 0.1, "silent", "sounding"
phonation = 0
intervals = Get number of intervals: 1
for i to intervals
	label$ = Get label of interval: 1, i
	if label$ = "sounding"
		begin = Get start time of interval: 1, i
		finish = Get end time of interval: 1, i
		phonation += finish - begin
	endif
endfor
appendFileLine: output$, "phonation ", fixed$ (phonation, 4)
