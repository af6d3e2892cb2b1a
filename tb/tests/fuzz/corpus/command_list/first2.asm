                GEMM           m=64 k=192 n=96 tile=16x192x96 order=mn type=i8->i16 residual im2col=64>8x3/k8/s8 a=0x00002900/192 b=0x0001a200 c=0x000059c0/192 r=0x00017200/192 records=0x0001ea00
b0.cls:         COPY           op=cls m=1 n=192 a=0x0001ed00/192 c=0x00005900/192
END
