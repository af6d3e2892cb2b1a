# Scales and epsilon are those of no weights: for timing mode; --weights has them
                GEMM           m=64 k=192 n=96 tile=16x192x96 order=mn type=i8->i16 residual im2col=64>8x3/k8/s8 a=0x00002900/192 b=0x0001a200 c=0x000059c0/192 r=0x00017200/192 records=0x0001ea00
b0.cls:         COPY           op=cls m=1 n=192 a=0x0001ed00/192 c=0x00005900/192
b1.norm1:       LAYERNORM      block=1 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x0001edc0 epsilon=1 wait_a=b0.cls
END wait_a=@1
