// Package audio turns bytes into samples: files, streams and network frames into float32 in [-1, 1], one slice per channel, and
// one sample rate into another. It is the only place that knows formats; everything above it knows samples.
//
// NewReader recognises the content of a stream and reads it sample by sample; ReadAll does that to the end:
//
//	x, format, warnings, err := audio.ReadAll(file, 0)       // x is C×N
//	r, err := audio.NewResampler(format.Rate, 8000)          // one per channel
//	y := r.Flush(r.Write(nil, x[0]))                         // ceil(N·8000/rate) samples
//
// Files: WAV, RF64 and BW64 with PCM of 8 to 32 bits, float of 32 and 64 bits, A-law and mu-law; FLAC; MP3 (MPEG-1, MPEG-2 and MPEG-2.5
// Layer III, 8 to 48 kHz, free format excepted); Ogg Opus of one or two channels. Network frames: NewDecoder with G.711, linear PCM of
// both byte orders, G.722 and Opus. WriteWAV writes files.
//
// # What damaged input does
//
// Nothing outside is believed: no length of a header sizes an allocation, limits are fixed, a library's panic becomes an error.
// A stream that ends early is read as far as it goes; Warnings says where it ended and what was promised. A stream that breaks
// its format in the middle gives its samples up to there and then an error; only MP3, whose frames stand alone, puts silence of
// their length for frames that it cannot decode, and counts them in Warnings. An error names the chunk or offset, the value and
// what was expected, and wraps ErrFormat, ErrTruncated, ErrUnsupported or ErrLimit; the file's name is the caller's to add.
//
// Float files may hold anything: NaN, infinities and magnitudes beyond 65536 become 0, values beyond ±1 are kept, both are counted
// in Warnings. Integer formats reach -1 and stay below 1.
//
// # Terms
//
// A sample is one value of one channel; where C channels are stored together, a block holds one sample of each. The lower band of
// a conversion ends at half of the lower of its two rates. An alias is what folds back into it from above, an image what repeats
// it above, a ripple what its level varies.
//
// # References
//
// RFC 2361 (1998) and the RIFF specification of Microsoft and IBM (1991); EBU Tech 3306 (2009) and ITU-R BS.2088 (2019) for RF64;
// ITU-T G.711 (1988), G.722 (2012); RFC 3551 (2003) for the RTP names and clock rates; RFC 9639 (2024) for FLAC; ISO/IEC 11172-3
// (1993) and 13818-3 (1998) for MP3, with B. G. Lee, A new algorithm to compute the discrete cosine transform (1984); RFC 3533 (2003), 6716 (2012) and 7845 (2016) for Ogg and Opus; J. F. Kaiser, Nonrecursive
// digital filter design using the I0-sinh window function (1974).
package audio
