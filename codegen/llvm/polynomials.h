/* Written by codegen/llvm/fit_polynomials.py: coefficients from the constant term up. */
#ifndef SEPPO_CODEGEN_LLVM_POLYNOMIALS_H
#define SEPPO_CODEGEN_LLVM_POLYNOMIALS_H

#include <stdint.h>

static const double EXP32[] = {0x1.0000000000000p-1, 0x1.5554dcadecffbp-3, 0x1.5555190813ef2p-5, 0x1.120bbbe325f3dp-7,
                               0x1.6d1156cd290a5p-10};
static const double EXP64[] = {0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555556p-5,
                               0x1.11111111100c7p-7,  0x1.6c16c16c162c9p-10, 0x1.a01a01abf2f91p-13,
                               0x1.a01a01a6decfap-16, 0x1.71de020ec9913p-19, 0x1.27e4db5089ca5p-22,
                               0x1.af4e31dbeb682p-26, 0x1.1f732ca1e4307p-29};
static const double LOG32[] = {0x1.555553e3660dap-2,  -0x1.fffffbeac287ap-3, 0x1.999d5a430bf46p-3,
                               -0x1.555b4994ad12bp-3, 0x1.23d2196ef7977p-3,  -0x1.fcf4c673064efp-4,
                               0x1.dea28241d30a8p-4,  -0x1.d635bbe618494p-4, 0x1.1d8ea50b3f8a0p-4};
static const double LOG_RATIO64[] = {0x1.2ae51ee2ef8d2p-66, 0x1.5555555555555p-1, 0x1.9999999999f16p-2,
                                     0x1.249249241b952p-2,  0x1.c71c7267d1847p-3, 0x1.745cda40bfb82p-3,
                                     0x1.3b2144d4bfec9p-3,  0x1.0f50858d17761p-3, 0x1.0fca317f093bap-3};
static const double TANH32[] = {-0x1.5555553146176p-2, 0x1.1110df6ea7f2dp-3,  -0x1.ba05474edee41p-5,
                                0x1.6472055f2b443p-6,  -0x1.1007ab09a2fbdp-7, 0x1.266360c0acb1fp-9};
static const double TANH64[] = {-0x1.5555555555555p-2,  0x1.1111111111111p-3,   -0x1.ba1ba1ba1b943p-5,
                                0x1.664f4882ba6c0p-6,   -0x1.226e355cb88bbp-7,  0x1.d6d3d05b4b5b2p-9,
                                -0x1.7da356ec2b76bp-10, 0x1.35573ad58f627p-11,  -0x1.f56729a0cdde1p-13,
                                0x1.95bc939d792ccp-14,  -0x1.44d3b38531fe3p-15, 0x1.edb5c5994d942p-17,
                                -0x1.38ef04490f79dp-18, 0x1.d549f7b1deb46p-21};
static const double SIN32[] = {-0x1.555555545dc93p-3, 0x1.11110dee8ec51p-7, -0x1.a013a6bc8dc17p-13,
                               0x1.6dbdc27ac7cb3p-19};
static const double SIN64[] = {-0x1.5555555555555p-3, 0x1.1111111111110p-7,   -0x1.a01a01a019936p-13,
                               0x1.71de3a54604eap-19, -0x1.ae64541249fb1p-26, 0x1.61217ea9b7ed1p-33,
                               -0x1.ab179a62d26edp-41};
static const double COS32[] = {0x1.5555544141ae8p-5, -0x1.6c12d26a01a9ap-10, 0x1.9bd853d04283fp-16};
static const double COS64[] = {0x1.5555555555555p-5,   -0x1.6c16c16c16c16p-10, 0x1.a01a01a019d09p-16,
                               -0x1.27e4fb7712b6bp-22, 0x1.1eed8deb60c70p-29,  -0x1.9394b9b5db2a4p-37,
                               0x1.ab7827bbeebe6p-45};
static const double ATAN32[] = {-0x1.5555554e74b35p-2, 0x1.99998c8c70e06p-3,  -0x1.249035356f79fp-3,
                                0x1.c6d94a4e392f4p-4,  -0x1.72251c83739b9p-4, 0x1.2fd217ccc6a7ap-4,
                                -0x1.d7eaf8f924fc4p-5, 0x1.39fa7ae12ac35p-5,  -0x1.3b92d4977ae50p-6,
                                0x1.96cc733874da8p-8,  -0x1.eae3fce3e9b57p-11};
static const double ATAN64[] = {
    -0x1.5555555555555p-2, 0x1.9999999999997p-3,  -0x1.24924924920adp-3, 0x1.c71c71c6ddb9cp-4,  -0x1.745d173563ab2p-4,
    0x1.3b13aea9b6b8dp-4,  -0x1.1110cee3bf64ep-4, 0x1.e1d8e942d6a22p-5,  -0x1.aebd1ae878fa4p-5, 0x1.829cc4e1e78d4p-5,
    -0x1.503bca231ad2dp-5, 0x1.f5ed3e270c8a6p-6,  -0x1.c80e16e6bcb9dp-7};
static const double ERF32[] = {0x1.06eba808637fbp-3,  -0x1.812741821c115p-2, 0x1.ce2db7eab2fd2p-4,
                               -0x1.b807b0172ea84p-6, 0x1.54858a915b125p-8,  -0x1.a7f69dc702580p-11,
                               0x1.555caef488796p-14};
static const double ERF64[] = {0x1.06eba8214db69p-3,   -0x1.812746b0379e7p-2,  0x1.ce2f21a042be0p-4,
                               -0x1.b82ce31288aa6p-6,  0x1.565bcd0e67e60p-8,   -0x1.c02db3ff97812p-11,
                               0x1.f9a326dbde845p-14,  -0x1.f4d258a9e1a4ap-17, 0x1.b9e67d308a441p-20,
                               -0x1.5f6fa69d784b9p-23, 0x1.fc64cb5964c75p-27,  -0x1.4f0dde9faa027p-30,
                               0x1.831c4b7fe921bp-34,  -0x1.3499c459d5708p-38};
static const double ERFC_LOG32[] = {0x1.9189f52f8407ap-12, -0x1.216aa230d9aa7p+0,  -0x1.432e4dbc5d80ap-1,
                                    -0x1.c5c73e9a2ea64p-4, 0x1.b92311f48e71dp-6,   -0x1.471d8d98c29b2p-8,
                                    0x1.5d02af7239d27p-11, -0x1.ed80eca12f715p-15, 0x1.90175c44550bap-19,
                                    -0x1.0705ca3e838c6p-24};
static const double ERFC_LOG_A64[] = {-0x1.7cf135b738e1dp-24, -0x1.20dd649a0eeddp+0,  -0x1.45f3aecbe2911p-1,
                                      -0x1.a4e469cd8c79bp-4,  0x1.38d94bb0b3bd8p-6,   0x1.1195e1fb2ffd2p-12,
                                      -0x1.cbc2a3a4d48b7p-10, 0x1.4d15518ad9fa3p-11,  -0x1.8ad7584329b75p-15,
                                      -0x1.10230c7f3b8b6p-14, 0x1.529e7bdcbdad3p-15,  -0x1.d393c35327a88p-17,
                                      0x1.bbff755036740p-19,  -0x1.2a7b4b1832119p-21, 0x1.1287490b1087cp-24,
                                      -0x1.37f963954245ap-28, 0x1.4ba1a4219cee0p-33};
static const double ERFC_LOG_B64[] = {0x1.dc83878fc8437p-12,  -0x1.2165e7c0598bap+0,  -0x1.43aea2ed83842p-1,
                                      -0x1.bc8df005dd8cap-4,  0x1.8c4122f49b2ecp-6,   -0x1.772486b2c0f08p-9,
                                      -0x1.f580184d10323p-12, 0x1.92e5ade59489cp-12,  -0x1.03eabc4d51584p-13,
                                      0x1.c9b584342adc9p-16,  -0x1.2c5a74421ab55p-18, 0x1.2b8e5fc479709p-21,
                                      -0x1.c2a7f03fa0481p-25, 0x1.f118b149f48b3p-29,  -0x1.7c2cb07f2c8a7p-33,
                                      0x1.68b12de44c87fp-38,  -0x1.4001ddd8f054fp-44};
static const double LN2_32[] = {0x1.62e4300000000p-1, -0x1.05c6100000000p-29};
static const double LN2_64[] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
static const double HALF_PI_32[] = {0x1.921fb60000000p+0, -0x1.777a5c0000000p-25, -0x1.ee59da0000000p-50};
static const double HALF_PI_64[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
static const double QUARTER_PI_32[] = {0x1.921fb60000000p-1, -0x1.777a5c0000000p-26};
static const double QUARTER_PI_64[] = {0x1.921fb54442d18p-1, 0x1.1a62633145c07p-55};
static const double TWO_PI_32[] = {0x1.921fb60000000p+2, -0x1.777a5c0000000p-23};
static const double TWO_PI_64[] = {0x1.921fb54442d18p+2, 0x1.1a62633145c07p-52};
/* Bits 8j .. 8j+31 after the point of 2/pi, from j = -2 on: for reducing large angles. */
static const uint32_t TWO_OVER_PI_WORDS[] = {
    0x00000000, 0x00000000, 0x00000000, 0x000000a2, 0x0000a2f9, 0x00a2f983, 0xa2f9836e, 0xf9836e4e, 0x836e4e44,
    0x6e4e4415, 0x4e441529, 0x441529fc, 0x1529fc27, 0x29fc2757, 0xfc2757d1, 0x2757d1f5, 0x57d1f534, 0xd1f534dd,
    0xf534ddc0, 0x34ddc0db, 0xddc0db62, 0xc0db6295, 0xdb629599, 0x6295993c, 0x95993c43, 0x993c4390, 0x3c439041,
    0x439041fe, 0x9041fe51, 0x41fe5163, 0xfe5163ab, 0x5163abde, 0x63abdebb, 0xabdebbc5, 0xdebbc561, 0xbbc561b7,
    0xc561b724, 0x61b7246e, 0xb7246e3a, 0x246e3a42, 0x6e3a424d, 0x3a424dd2, 0x424dd2e0, 0x4dd2e006, 0xd2e00649,
    0xe006492e, 0x06492eea, 0x492eea09, 0x2eea09d1, 0xea09d192, 0x09d1921c, 0xd1921cfe, 0x921cfe1d, 0x1cfe1deb,
    0xfe1deb1c, 0x1deb1cb1, 0xeb1cb129, 0x1cb129a7, 0xb129a73e, 0x29a73ee8, 0xa73ee882, 0x3ee88235, 0xe88235f5,
    0x8235f52e, 0x35f52ebb, 0xf52ebb44, 0x2ebb4484, 0xbb4484e9, 0x4484e99c, 0x84e99c70, 0xe99c7026, 0x9c7026b4,
    0x7026b45f, 0x26b45f7e, 0xb45f7e41, 0x5f7e4139, 0x7e413991, 0x413991d6, 0x3991d639, 0x91d63983, 0xd6398353,
    0x39835339, 0x835339f4, 0x5339f49c, 0x39f49c84, 0xf49c845f, 0x9c845f8b, 0x845f8bbd, 0x5f8bbdf9, 0x8bbdf928,
    0xbdf9283b, 0xf9283b1f, 0x283b1ff8, 0x3b1ff897, 0x1ff897ff, 0xf897ffde, 0x97ffde05, 0xffde0598, 0xde05980f,
    0x05980fef, 0x980fef2f, 0x0fef2f11, 0xef2f118b, 0x2f118b5a, 0x118b5a0a, 0x8b5a0a6d, 0x5a0a6d1f, 0x0a6d1f6d,
    0x6d1f6d36, 0x1f6d367e, 0x6d367ecf, 0x367ecf27, 0x7ecf27cb, 0xcf27cb09, 0x27cb09b7, 0xcb09b74f, 0x09b74f46,
    0xb74f463f, 0x4f463f66, 0x463f669e, 0x3f669e5f, 0x669e5fea, 0x9e5fea2d, 0x5fea2d75, 0xea2d7527, 0x2d7527ba,
    0x7527bac7, 0x27bac7eb, 0xbac7ebe5, 0xc7ebe5f1, 0xebe5f17b, 0xe5f17b3d, 0xf17b3d07, 0x7b3d0739, 0x3d0739f7,
    0x0739f78a, 0x39f78a52, 0xf78a5292, 0x8a5292ea, 0x5292ea6b, 0x92ea6bfb, 0xea6bfb5f, 0x6bfb5fb1, 0xfb5fb11f,
    0x5fb11f8d, 0xb11f8d5d, 0x1f8d5d08, 0x8d5d0856, 0x5d085603, 0x08560330, 0x56033046, 0x033046fc, 0x3046fc7b,
    0x46fc7b6b, 0xfc7b6bab, 0x7b6babf0, 0x6babf0cf, 0xabf0cfbc, 0xf0cfbc20, 0xcfbc209a, 0xbc209af4, 0x209af436,
    0x9af4361d, 0xf4361da9, 0x361da9e3, 0x1da9e391, 0xa9e39161, 0xe391615e, 0x91615ee6, 0x615ee61b, 0x5ee61b08,
    0xe61b0865, 0x1b086599, 0x08659985, 0x6599855f, 0x99855f14, 0x855f14a0, 0x5f14a068, 0x14a06840, 0xa068408d,
};

#endif
