//! The levels of x86-64.

use super::*;
use std::arch::x86_64::*;

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,sse4.1,ssse3")]
pub(super) fn run_avx2<J: Job>(job: J) {
    job.run(Avx2(()));
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq,sse4.1,ssse3")]
pub(super) fn run_avx512<J: Job>(job: J) {
    job.run(Avx512(()));
}

#[derive(Clone, Copy)]
struct Avx2(());

#[derive(Clone, Copy)]
struct Avx512(());

/// What both levels do alike: 32 bytes and fewer at a time.
macro_rules! common {
    () => {
        type Differ = __m256i;

        #[inline(always)]
        fn prefix_xor(self, bits: u64) -> u64 {
            // SAFETY: the token says that the CPU has PCLMULQDQ.
            unsafe { prefix_xor_clmul(bits) }
        }

        #[inline(always)]
        fn digits(self, text: &[u8; 16]) -> Digits {
            // SAFETY: the token says that the CPU has SSE4.1.
            unsafe { digits_sse(text) }
        }

        #[inline(always)]
        fn mantissa(self, text: &[u8; 16], digits: Digits) -> u64 {
            // SAFETY: the token says that the CPU has SSE4.1 and SSSE3.
            unsafe { mantissa_sse(text, digits) }
        }

        #[inline(always)]
        fn alike(self) -> __m256i {
            // SAFETY: the token says that the CPU has AVX2.
            unsafe { _mm256_setzero_si256() }
        }

        #[inline(always)]
        fn differ(self, sum: &mut __m256i, got: &[u8; 32], want: &Literal) {
            // SAFETY: the token says that the CPU has AVX2.
            unsafe { differ_avx2(sum, got, want) }
        }

        #[inline(always)]
        fn is_alike(self, sum: __m256i) -> bool {
            // SAFETY: the token says that the CPU has AVX2.
            unsafe { _mm256_testz_si256(sum, sum) != 0 }
        }

        #[inline(always)]
        fn wholes(self, texts: [&[u8; 16]; 2], lens: [u32; 2]) -> [u64; 2] {
            // SAFETY: the token says that the CPU has AVX2.
            unsafe { wholes_avx2(texts, lens) }
        }
    };
}

impl Kernel for Avx2 {
    type Classes = ();
    type Foreign = __m256i;
    common!();

    #[inline(always)]
    fn nothing(self) -> __m256i {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn any(self, foreign: __m256i) -> bool {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { _mm256_movemask_epi8(foreign) != 0 }
    }

    #[inline(always)]
    fn classify(self, chunk: &[u8; 64], foreign: &mut __m256i) -> (Masks, ()) {
        // SAFETY: the token says that the CPU has AVX2.
        (unsafe { classify_avx2(chunk, foreign) }, ())
    }

    #[inline(always)]
    fn emit(self, bits: u64, base: u16, (): (), chunk: &[u8; 64], out: (&mut [u16], &mut [u8])) {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { emit_avx2(bits, base, chunk, out.0, out.1) }
    }

    #[inline(always)]
    fn settle(self, kinds: &mut [u8]) {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { settle_avx2(kinds) }
    }

    #[inline(always)]
    fn same(self, got: &[u8], want: &[[u8; 64]], n: usize) -> bool {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { same_avx2(got, want, n) }
    }

    #[inline(always)]
    fn has_keys(self, positions: &[u16; LONGEST], text: &[u8], ordinals: &[u16], keys: &[KeyPart]) -> bool {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { has_keys_avx2(positions, text, ordinals, keys) }
    }

    #[inline(always)]
    fn marks(self, chunk: &[u8; 64], foreign: &mut Self::Foreign) -> Marks {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { marks_avx2(chunk, foreign) }
    }

    #[inline(always)]
    fn candidates(self, probe: &Probe, word: u64, class: u64) -> u32 {
        // SAFETY: the token says that the CPU has AVX2.
        unsafe { candidates_avx2(probe, word, class) }
    }
}

impl Kernel for Avx512 {
    type Classes = __m512i;
    type Foreign = __m512i;
    common!();

    #[inline(always)]
    fn nothing(self) -> __m512i {
        // SAFETY: the token says that the CPU has AVX-512F.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn any(self, foreign: __m512i) -> bool {
        // SAFETY: the token says that the CPU has AVX-512BW.
        unsafe { _mm512_movepi8_mask(foreign) != 0 }
    }

    #[inline(always)]
    fn classify(self, chunk: &[u8; 64], foreign: &mut __m512i) -> (Masks, __m512i) {
        // SAFETY: the token says that the CPU has AVX-512 BW and VBMI.
        unsafe { classify_avx512(chunk, foreign) }
    }

    #[inline(always)]
    fn emit(self, bits: u64, base: u16, classes: __m512i, _: &[u8; 64], out: (&mut [u16], &mut [u8])) {
        // SAFETY: the token says that the CPU has AVX-512 VBMI2.
        unsafe { emit_avx512(bits, base, classes, out.0, out.1) }
    }

    #[inline(always)]
    fn same(self, got: &[u8], want: &[[u8; 64]], n: usize) -> bool {
        // SAFETY: the token says that the CPU has AVX-512BW.
        unsafe { same_avx512(got, want, n) }
    }

    #[inline(always)]
    fn has_keys(self, positions: &[u16; LONGEST], text: &[u8], ordinals: &[u16], keys: &[KeyPart]) -> bool {
        // SAFETY: the token says that the CPU has AVX-512F.
        unsafe { has_keys_avx512(positions, text, ordinals, keys) }
    }

    #[inline(always)]
    fn marks(self, chunk: &[u8; 64], foreign: &mut Self::Foreign) -> Marks {
        // SAFETY: the token says that the CPU has AVX-512BW.
        unsafe { marks_avx512(chunk, foreign) }
    }

    #[inline(always)]
    fn choose(
        self,
        branches: &[u8; LINES],
        branch: u8,
        lines: &[u8; LINES],
        count: usize,
        out: &mut [u8; LINES],
    ) -> usize {
        // SAFETY: the token says that the CPU has AVX-512 BW and VBMI2.
        unsafe { choose_avx512(branches, branch, lines, count, out) }
    }

    #[inline(always)]
    fn candidates(self, probe: &Probe, word: u64, class: u64) -> u32 {
        // SAFETY: the token says that the CPU has AVX-512F.
        unsafe { candidates_avx512(probe, word, class) }
    }
}

#[inline]
#[target_feature(enable = "pclmulqdq,sse2")]
fn prefix_xor_clmul(bits: u64) -> u64 {
    // A product without carries by all ones sums, at each bit, all bits below it.
    _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(bits as i64), _mm_set1_epi8(-1))) as u64
}

#[inline]
#[target_feature(enable = "avx2")]
fn classify_avx2(chunk: &[u8; 64], foreign: &mut __m256i) -> Masks {
    let [low, high] = [0, 32].map(|at| half_avx2(chunk[at..at + 32].try_into().expect("32 bytes"), foreign));
    let join = |f: fn(&Half) -> u32| u64::from(f(&low)) | u64::from(f(&high)) << 32;
    Masks {
        operator: join(|h| h.operator),
        space: join(|h| h.space),
        quote: join(|h| h.quote),
        backslash: join(|h| h.backslash),
        control: join(|h| h.control),
        newline: join(|h| h.newline),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn marks_avx2(chunk: &[u8; 64], foreign: &mut __m256i) -> Marks {
    let halves = chunk.as_chunks::<32>().0;
    // SAFETY: each half has 32 bytes; the loads have no alignment to keep.
    let v = [0, 1].map(|i| unsafe { _mm256_loadu_si256(halves[i].as_ptr().cast()) });
    *foreign = _mm256_or_si256(*foreign, _mm256_or_si256(v[0], v[1]));
    let is = |v: __m256i, b: u8| _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b as i8));
    let bits = |low: __m256i, high: __m256i| {
        u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32
    };
    let newlines = v.map(|v| is(v, b'\n'));
    let odd = [0, 1].map(|i| {
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(v[i], _mm256_set1_epi8(0x1f)), v[i]);
        _mm256_or_si256(_mm256_andnot_si256(newlines[i], control), is(v[i], b'\\'))
    });
    let odd = _mm256_or_si256(odd[0], odd[1]);
    Marks {
        quote: bits(is(v[0], b'"'), is(v[1], b'"')),
        newline: bits(newlines[0], newlines[1]),
        odd: _mm256_testz_si256(odd, odd) == 0,
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn differ_avx2(sum: &mut __m256i, got: &[u8; 32], want: &Literal) {
    // SAFETY: each has 32 bytes; the loads have no alignment to keep.
    let [got, mask, want] = unsafe { [got, &want.mask, &want.want].map(|b| _mm256_loadu_si256(b.as_ptr().cast())) };
    *sum = _mm256_or_si256(*sum, _mm256_and_si256(_mm256_xor_si256(got, want), mask));
}

struct Half {
    operator: u32,
    space: u32,
    quote: u32,
    backslash: u32,
    control: u32,
    newline: u32,
}

#[inline]
#[target_feature(enable = "avx2")]
fn half_avx2(bytes: &[u8; 32], foreign: &mut __m256i) -> Half {
    // SAFETY: `bytes` has 32 bytes; the load has no alignment to keep.
    let v = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
    *foreign = _mm256_or_si256(*foreign, v);
    // Tables by the low four bits: white space is what a byte finds in the table under itself; operators the
    // same, with the bit set that brackets and braces differ in. -1 is found by no byte, as bytes above 127 read 0.
    const N: i8 = -1;
    let spaces = _mm_setr_epi8(b' ' as i8, N, N, N, N, N, N, N, N, b'\t' as i8, b'\n' as i8, N, N, b'\r' as i8, N, N);
    let signs = _mm_setr_epi8(N, N, N, N, N, N, N, N, N, N, b':' as i8, b'{' as i8, b',' as i8, b'}' as i8, N, N);
    let bits = |v: __m256i| _mm256_movemask_epi8(v) as u32;
    let is = |b: u8| bits(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(b as i8)));
    let control = bits(_mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v));
    let space = bits(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(spaces), v), v));
    let folded = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
    let sign = bits(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(signs), v), folded));
    Half {
        // Folding also makes signs of two control characters.
        operator: sign & !control,
        space,
        quote: is(b'"'),
        backslash: is(b'\\'),
        control,
        newline: is(b'\n'),
    }
}

/// For each set of 8 bits the numbers of those that are set, a byte each, lowest first.
static ORDER: [u64; 256] = {
    let mut table = [0; 256];
    let mut set = 0;
    while set < 256 {
        let (mut bit, mut n) = (0, 0);
        while bit < 8 {
            if set >> bit & 1 == 1 {
                table[set] |= bit << (8 * n);
                n += 1;
            }
            bit += 1;
        }
        set += 1;
    }
    table
};

/// Leaves the characters in `kinds`; [`settle_avx2`] makes classes of them, many at once.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn emit_avx2(bits: u64, base: u16, chunk: &[u8; 64], positions: &mut [u16], kinds: &mut [u8]) {
    let (positions, kinds): (&mut [u16; 64], &mut [u8; 64]) =
        (positions.try_into().expect("64 entries"), kinds.try_into().expect("64 entries"));
    let mut n = 0;
    for (i, eight) in chunk.as_chunks::<8>().0.iter().enumerate() {
        let set = (bits >> (8 * i)) as u8;
        let order = _mm_cvtsi64_si128(ORDER[usize::from(set)] as i64);
        let text = _mm_cvtsi64_si128(i64::from_le_bytes(*eight));
        let kind = _mm_cvtsi128_si64(_mm_shuffle_epi8(text, order));
        let place = _mm_add_epi16(_mm_cvtepu8_epi16(order), _mm_set1_epi16(base.wrapping_add(8 * i as u16) as i16));
        kinds[n..n + 8].copy_from_slice(&kind.to_le_bytes());
        // SAFETY: at most 8 bits of each of the eights before are set, so that `n` is at most 56.
        unsafe { _mm_storeu_si128(positions.as_mut_ptr().add(n).cast(), place) };
        n += set.count_ones() as usize;
    }
}

/// Classes by the low four bits of a character, one table for each high half that some have.
static HALVES: [(u8, [u8; 16]); 5] = {
    let mut all = [(0x20, [0; 16]), (0x30, [0; 16]), (0x50, [0; 16]), (0x60, [0; 16]), (0x70, [0; 16])];
    let mut i = 0;
    while i < all.len() {
        let mut low = 0;
        while low < 16 {
            all[i].1[low] = CLASSES[all[i].0 as usize + low];
            low += 1;
        }
        i += 1;
    }
    all
};

/// Only for characters that can be structural, which white space is not.
#[inline]
#[target_feature(enable = "avx2")]
fn settle_avx2(kinds: &mut [u8]) {
    for kinds in kinds.as_chunks_mut::<32>().0 {
        // SAFETY: `kinds` has 32 bytes; the load has no alignment to keep.
        let v = unsafe { _mm256_loadu_si256(kinds.as_ptr().cast()) };
        let mut classes = _mm256_setzero_si256();
        for (high, table) in &HALVES {
            // SAFETY: `table` has 16 bytes; the load has no alignment to keep.
            let table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
            // Below 16 where the high half is this one; the top bit is set otherwise, and gives 0.
            let low = _mm256_xor_si256(v, _mm256_set1_epi8(*high as i8));
            let index = _mm256_adds_epu8(low, _mm256_set1_epi8(0x70));
            classes = _mm256_or_si256(classes, _mm256_shuffle_epi8(table, index));
        }
        // SAFETY: `kinds` has 32 bytes; the store has no alignment to keep.
        unsafe { _mm256_storeu_si256(kinds.as_mut_ptr().cast(), classes) };
    }
}

/// The class table for bytes below 128, as two vectors.
static TABLE: [[u8; 64]; 2] = {
    let mut table = [[0; 64]; 2];
    let mut i = 0;
    while i < 128 {
        table[i / 64][i % 64] = CLASSES[i];
        i += 1;
    }
    table
};

static IDENTITY: [u8; 64] = {
    let mut table = [0; 64];
    let mut i = 0;
    while i < 64 {
        table[i] = i as u8;
        i += 1;
    }
    table
};

#[inline]
#[target_feature(enable = "avx512f")]
fn load512(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: `bytes` has 64 bytes; the load has no alignment to keep.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn classify_avx512(chunk: &[u8; 64], foreign: &mut __m512i) -> (Masks, __m512i) {
    let v = load512(chunk);
    *foreign = _mm512_or_si512(*foreign, v);
    // Bytes above 127 have class 0.
    let ascii = !_mm512_movepi8_mask(v);
    let classes = _mm512_maskz_permutex2var_epi8(ascii, load512(&TABLE[0]), v, load512(&TABLE[1]));
    let has = |bit: u8| _mm512_test_epi8_mask(classes, _mm512_set1_epi8(bit as i8));
    let masks = Masks {
        operator: _mm512_movepi8_mask(classes),
        space: has(class::SPACE),
        quote: _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b'"' as i8)),
        backslash: _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b'\\' as i8)),
        control: _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)),
        newline: _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b'\n' as i8)),
    };
    (masks, classes)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn marks_avx512(chunk: &[u8; 64], foreign: &mut __m512i) -> Marks {
    let v = load512(chunk);
    *foreign = _mm512_or_si512(*foreign, v);
    let is = |b: u8| _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(b as i8));
    let newline = is(b'\n');
    let control = _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20));
    Marks { quote: is(b'"'), newline, odd: ((control & !newline) | is(b'\\')) != 0 }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn emit_avx512(bits: u64, base: u16, classes: __m512i, positions: &mut [u16], kinds: &mut [u8]) {
    let (positions, kinds): (&mut [u16; 64], &mut [u8; 64]) =
        (positions.try_into().expect("64 entries"), kinds.try_into().expect("64 entries"));
    let kind = _mm512_maskz_compress_epi8(bits, classes);
    let place = _mm512_maskz_compress_epi8(bits, load512(&IDENTITY));
    let base = _mm512_set1_epi16(base as i16);
    let low = _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(place)));
    // SAFETY: `kinds` has 64 bytes and `positions` 128; the stores have no alignment to keep.
    unsafe {
        _mm512_storeu_si512(kinds.as_mut_ptr().cast(), kind);
        _mm512_storeu_si512(positions.as_mut_ptr().cast(), low);
    }
    if bits.count_ones() > 32 {
        let high = _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(place)));
        // SAFETY: `positions` has 64 entries; these are its upper 32.
        unsafe { _mm512_storeu_si512(positions[32..].as_mut_ptr().cast(), high) };
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn same_avx512(got: &[u8], want: &[[u8; 64]], n: usize) -> bool {
    let mut rest = n;
    let mut differ = 0;
    for (got, want) in got.as_chunks::<64>().0.iter().zip(want) {
        let counts = if rest >= 64 { !0 } else { (1u64 << rest) - 1 };
        differ |= _mm512_mask_cmpneq_epi8_mask(counts, load512(got), load512(want));
        rest = rest.saturating_sub(64);
    }
    differ == 0
}

#[inline]
#[target_feature(enable = "avx2")]
fn same_avx2(got: &[u8], want: &[[u8; 64]], n: usize) -> bool {
    let mut rest = n;
    let mut differ = 0;
    for (got, want) in got.as_chunks::<32>().0.iter().zip(want.as_flattened().as_chunks::<32>().0) {
        let counts = if rest >= 32 { !0 } else { (1u32 << rest) - 1 };
        // SAFETY: both have 32 bytes; the loads have no alignment to keep.
        let (got, want) =
            unsafe { (_mm256_loadu_si256(got.as_ptr().cast()), _mm256_loadu_si256(want.as_ptr().cast())) };
        differ |= !(_mm256_movemask_epi8(_mm256_cmpeq_epi8(got, want)) as u32) & counts;
        rest = rest.saturating_sub(32);
    }
    differ == 0
}

// Functions of their own, so that their loops have all registers.
macro_rules! has_keys {
    ($name:ident, $features:literal) => {
        #[inline(never)]
        #[target_feature(enable = $features)]
        fn $name(positions: &[u16; LONGEST], text: &[u8], ordinals: &[u16], keys: &[KeyPart]) -> bool {
            let mut sum = _mm_setzero_si128();
            for (&ordinal, key) in ordinals.iter().zip(keys) {
                let at = usize::from(positions[usize::from(ordinal) % LONGEST]) + 1;
                let Some(got) = part_of(text, at) else { return false };
                // SAFETY: each has 16 bytes; the loads have no alignment to keep.
                let [got, want, mask] =
                    unsafe { [got, &key.want, &key.mask].map(|b| _mm_loadu_si128(b.as_ptr().cast())) };
                sum = _mm_or_si128(sum, _mm_and_si128(_mm_xor_si128(got, want), mask));
            }
            _mm_testz_si128(sum, sum) != 0
        }
    };
}
has_keys!(has_keys_avx2, "avx2,bmi1,bmi2");
has_keys!(has_keys_avx512, "avx2,bmi1,bmi2,avx512f,avx512vl");

#[inline]
#[target_feature(enable = "avx512f")]
fn candidates_avx512(probe: &Probe, word: u64, class: u64) -> u32 {
    // SAFETY: each has 64 bytes; the loads have no alignment to keep.
    let [words, masks, classes] =
        unsafe { [&probe.words, &probe.masks, &probe.classes].map(|w| _mm512_loadu_si512(w.as_ptr().cast())) };
    let word = _mm512_and_si512(_mm512_xor_si512(_mm512_set1_epi64(word as i64), words), masks);
    let class = _mm512_xor_si512(_mm512_set1_epi64(class as i64), classes);
    let differ = _mm512_or_si512(word, class);
    u32::from(_mm512_testn_epi64_mask(differ, differ))
}

#[inline]
#[target_feature(enable = "avx2")]
fn candidates_avx2(probe: &Probe, word: u64, class: u64) -> u32 {
    let mut found = 0;
    for half in [0, 4] {
        // SAFETY: four words of 8 from `half` on; the loads have no alignment to keep.
        let [words, masks, classes] = unsafe {
            [&probe.words, &probe.masks, &probe.classes].map(|w| _mm256_loadu_si256(w[half..half + 4].as_ptr().cast()))
        };
        let word = _mm256_and_si256(_mm256_xor_si256(_mm256_set1_epi64x(word as i64), words), masks);
        let class = _mm256_xor_si256(_mm256_set1_epi64x(class as i64), classes);
        let same = _mm256_cmpeq_epi64(_mm256_or_si256(word, class), _mm256_setzero_si256());
        found |= (_mm256_movemask_pd(_mm256_castsi256_pd(same)) as u32) << half;
    }
    found
}

#[inline]
#[target_feature(enable = "sse4.1")]
fn digits_sse(text: &[u8; 16]) -> Digits {
    // SAFETY: `text` has 16 bytes; the load has no alignment to keep.
    let v = unsafe { _mm_loadu_si128(text.as_ptr().cast()) };
    let digits = _mm_sub_epi8(v, _mm_set1_epi8(b'0' as i8));
    let digit = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits)) as u32;
    let dots = _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(b'.' as i8))) as u32;
    let others = !digit;
    let whole = others.trailing_zeros();
    let point = dots >> whole & 1;
    let len = (others & !(point << whole)).trailing_zeros();
    Digits { whole, point: point != 0, len }
}

#[inline]
#[target_feature(enable = "sse4.1,ssse3")]
fn mantissa_sse(text: &[u8; 16], Digits { whole, point, len }: Digits) -> u64 {
    // SAFETY: `text` has 16 bytes; the load has no alignment to keep.
    let v = unsafe { _mm_loadu_si128(text.as_ptr().cast()) };
    let digits = _mm_sub_epi8(v, _mm_set1_epi8(b'0' as i8));
    // Moves the last digit to the last lane, and those before the point one further, over the point.
    let lanes = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let from = _mm_add_epi8(lanes, _mm_set1_epi8(len as i8 - 16));
    let before = _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8(whole as i8 + 1), from), _mm_set1_epi8(-i8::from(point)));
    let packed = _mm_shuffle_epi8(digits, _mm_add_epi8(from, before));
    let twos = _mm_maddubs_epi16(packed, _mm_set1_epi16(0x010a));
    let fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x0001_0064));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x0001_2710));
    let both = _mm_cvtsi128_si64(eights) as u64;
    (both & 0xffff_ffff) * 100_000_000 + (both >> 32)
}

#[inline]
#[target_feature(enable = "avx2")]
fn wholes_avx2(texts: [&[u8; 16]; 2], lens: [u32; 2]) -> [u64; 2] {
    // SAFETY: each text has 16 bytes; the loads have no alignment to keep.
    let [a, b] = texts.map(|text| unsafe { _mm_loadu_si128(text.as_ptr().cast()) });
    let digits = _mm256_sub_epi8(_mm256_set_m128i(b, a), _mm256_set1_epi8(b'0' as i8));
    // Moves the last digit of each to its last lane.
    let lanes = _mm_setr_epi8(-16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1);
    let [a, b] = lens.map(|len| _mm_add_epi8(lanes, _mm_set1_epi8(len as i8)));
    let packed = _mm256_shuffle_epi8(digits, _mm256_set_m128i(b, a));
    let twos = _mm256_maddubs_epi16(packed, _mm256_set1_epi16(0x010a));
    let fours = _mm256_madd_epi16(twos, _mm256_set1_epi32(0x0001_0064));
    let eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), _mm256_set1_epi32(0x0001_2710));
    [_mm256_castsi256_si128(eights), _mm256_extracti128_si256::<1>(eights)].map(|v| {
        let both = _mm_cvtsi128_si64(v) as u64;
        (both & 0xffff_ffff) * 100_000_000 + (both >> 32)
    })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn choose_avx512(
    branches: &[u8; LINES],
    branch: u8,
    lines: &[u8; LINES],
    count: usize,
    out: &mut [u8; LINES],
) -> usize {
    let mut chosen = 0;
    let chunks = branches.as_chunks::<64>().0.iter().zip(lines.as_chunks::<64>().0);
    for (i, (branches, lines)) in chunks.enumerate() {
        if 64 * i >= count {
            break;
        }
        let mask = _mm512_cmpeq_epi8_mask(load512(branches), _mm512_set1_epi8(branch as i8));
        let packed = _mm512_maskz_compress_epi8(mask, load512(lines));
        // At most 64 from each chunk before this one.
        let to: &mut [u8; 64] = out[chosen.min(64 * i)..].first_chunk_mut().expect("64 bytes and more are left");
        // SAFETY: `to` has 64 bytes; the store has no alignment to keep.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), packed) };
        chosen += mask.count_ones() as usize;
    }
    chosen
}
