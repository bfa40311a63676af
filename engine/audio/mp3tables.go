package audio

// Tables of ISO/IEC 11172-3 (1993) and 13818-3 (1998), with the extension to 8, 11.025 and 12 kHz that is called MPEG-2.5. They are
// facts of the format; clause and table numbers are those of the standards.

// mp3Rates numbers the sampling rates as the band tables are ordered.
const (
	mp3At44k1 = iota
	mp3At48k
	mp3At32k
	mp3At22k05
	mp3At24k
	mp3At16k
	mp3At11k025
	mp3At12k
	mp3At8k
)

// mp3RateIndex is the row of the band tables for a header.
func mp3RateIndex(h mp3Header) int {
	row := int(h.word >> 10 & 3)
	switch h.version {
	case 1:
		return mp3At44k1 + row
	case 2:
		return mp3At22k05 + row
	}
	return mp3At11k025 + row
}

// mp3LongBands gives the widths of the 22 scalefactor bands of a long block (table B.8); they add up to 576 lines.
func mp3LongBands(rate int) [22]uint8 {
	switch rate {
	case mp3At44k1:
		return [22]uint8{4, 4, 4, 4, 4, 4, 6, 6, 8, 8, 10, 12, 16, 20, 24, 28, 34, 42, 50, 54, 76, 158}
	case mp3At48k:
		return [22]uint8{4, 4, 4, 4, 4, 4, 6, 6, 6, 8, 10, 12, 16, 18, 22, 28, 34, 40, 46, 54, 54, 192}
	case mp3At32k:
		return [22]uint8{4, 4, 4, 4, 4, 4, 6, 6, 8, 10, 12, 16, 20, 24, 30, 38, 46, 56, 68, 84, 102, 26}
	case mp3At24k:
		return [22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 18, 22, 26, 32, 38, 46, 54, 62, 70, 76, 36}
	case mp3At8k:
		return [22]uint8{12, 12, 12, 12, 12, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 76, 90, 2, 2, 2, 2, 2}
	}
	return [22]uint8{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54}
}

// mp3ShortBands gives the widths of the 13 scalefactor bands of one window of a short block (table B.8); they add up to 192.
func mp3ShortBands(rate int) [13]uint8 {
	switch rate {
	case mp3At44k1:
		return [13]uint8{4, 4, 4, 4, 6, 8, 10, 12, 14, 18, 22, 30, 56}
	case mp3At48k:
		return [13]uint8{4, 4, 4, 4, 6, 6, 10, 12, 14, 16, 20, 26, 66}
	case mp3At32k:
		return [13]uint8{4, 4, 4, 4, 6, 8, 12, 16, 20, 26, 34, 42, 12}
	case mp3At22k05:
		return [13]uint8{4, 4, 4, 6, 6, 8, 10, 14, 18, 26, 32, 42, 18}
	case mp3At24k:
		return [13]uint8{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 32, 44, 12}
	case mp3At8k:
		return [13]uint8{8, 8, 8, 12, 16, 20, 24, 28, 36, 2, 2, 2, 26}
	}
	return [13]uint8{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18}
}

// mp3Pretab is what preflag adds to the scalefactors of long blocks (table B.6).
func mp3Pretab() [22]uint8 {
	return [22]uint8{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2, 0}
}

// mp3Slen gives the bits of the lower and of the upper scalefactors for scalefac_compress of MPEG-1 (2.4.2.7).
func mp3Slen(compress int) (lower, upper int) {
	const low, up = "\x00\x00\x00\x00\x03\x01\x01\x01\x02\x02\x02\x03\x03\x03\x04\x04", "\x00\x01\x02\x03\x00\x01\x02\x03\x01\x02\x03\x01\x02\x03\x02\x03"
	return int(low[compress]), int(up[compress])
}

// mp3LSFSlen gives, for the 9 bits of scalefac_compress of MPEG-2, the bits of four groups of scalefactors and the row of
// mp3LSFGroups that says how many are in each; row 2 comes with preflag (13818-3, 2.4.3.2). right tells that the channel is the
// right one of an intensity stereo pair.
func mp3LSFSlen(compress int, right bool) (slen [4]int, row int) {
	if right {
		switch c := compress >> 1; {
		case c < 180:
			return [4]int{c / 36, c % 36 / 6, c % 6}, 3
		case c < 244:
			c -= 180
			return [4]int{c >> 4 & 3, c >> 2 & 3, c & 3}, 4
		default:
			c -= 244
			return [4]int{c / 3, c % 3}, 5
		}
	}
	switch c := compress; {
	case c < 400:
		return [4]int{c >> 4 / 5, c >> 4 % 5, c >> 2 & 3, c & 3}, 0
	case c < 500:
		c -= 400
		return [4]int{c >> 2 / 5, c >> 2 % 5, c & 3}, 1
	default:
		c -= 500
		return [4]int{c / 3, c % 3}, 2
	}
}

// mp3LSFGroups gives how many scalefactors stand in each of four groups, by row and by blocks: long, short or mixed.
func mp3LSFGroups(row, blocks int) [4]uint8 {
	return [6][3][4]uint8{
		{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
		{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
		{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
		{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
		{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
		{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
	}[row][blocks]
}

// mp3Alias gives the coefficients c of the alias reduction (table B.9).
func mp3Alias() [8]float64 {
	return [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037}
}

// mp3Linbits gives the bits that follow a 15 in the pairs of codes 16 to 31.
func mp3Linbits(code int) int {
	const bits = "\x01\x02\x03\x04\x06\x08\x0a\x0d\x04\x05\x06\x07\x08\x09\x0b\x0d"
	if code < 16 || code > 31 {
		return 0
	}
	return int(bits[code-16])
}

// mp3Window gives the first half of the synthesis window D in steps of 1/65536 (11172-3, table B.3). The second half mirrors it with the
// sign turned, but for the multiples of 64.
func mp3Window() [257]int32 {
	return [257]int32{
		0, -1, -1, -1, -1, -1, -1, -2, -2, -2, -2, -3, -3, -4, -4, -5,
		-5, -6, -7, -7, -8, -9, -10, -11, -13, -14, -16, -17, -19, -21, -24, -26,
		-29, -31, -35, -38, -41, -45, -49, -53, -58, -63, -68, -73, -79, -85, -91, -97,
		-104, -111, -117, -125, -132, -139, -147, -154, -161, -169, -176, -183, -190, -196, -202, -208,
		213, 218, 222, 225, 227, 228, 228, 227, 224, 221, 215, 208, 200, 189, 177, 163,
		146, 127, 106, 83, 57, 29, -2, -36, -72, -111, -153, -197, -244, -294, -347, -401,
		-459, -519, -581, -645, -711, -779, -848, -919, -991, -1064, -1137, -1210, -1283, -1356, -1428, -1498,
		-1567, -1634, -1698, -1759, -1817, -1870, -1919, -1962, -2001, -2032, -2057, -2075, -2085, -2087, -2080, -2063,
		2037, 2000, 1952, 1893, 1822, 1739, 1644, 1535, 1414, 1280, 1131, 970, 794, 605, 402, 185,
		-45, -288, -545, -814, -1095, -1388, -1692, -2006, -2330, -2663, -3004, -3351, -3705, -4063, -4425, -4788,
		-5153, -5517, -5879, -6237, -6589, -6935, -7271, -7597, -7910, -8209, -8491, -8755, -8998, -9219, -9416, -9585,
		-9727, -9838, -9916, -9959, -9966, -9935, -9863, -9750, -9592, -9389, -9139, -8840, -8492, -8092, -7640, -7134,
		6574, 5959, 5288, 4561, 3776, 2935, 2037, 1082, 70, -998, -2122, -3300, -4533, -5818, -7154, -8540,
		-9975, -11455, -12980, -14548, -16155, -17799, -19478, -21189, -22929, -24694, -26482, -28289, -30112, -31947, -33791, -35640,
		-37489, -39336, -41176, -43006, -44821, -46617, -48390, -50137, -51853, -53534, -55178, -56778, -58333, -59838, -61289, -62684,
		-64019, -65290, -66494, -67629, -68692, -69679, -70590, -71420, -72169, -72835, -73415, -73908, -74313, -74630, -74856, -74992,
		75038,
	}
}
