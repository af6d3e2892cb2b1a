                GEMM           m=64 k=192 n=96 tile=16x192x96 order=mn type=i8->i16 residual im2col=64>8x3/k8/s8 a=0x00002900/192 b=0x0001a200 c=0x000059c0/192 r=0x00017200/192 records=0x0001ea00
b0.cls:         COPY           op=cls m=1 n=192 a=0x0001ed00/192 c=0x00005900/192
b1.norm1:       LAYERNORM      block=1 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x0001edc0 epsilon=1 wait_a=b0.cls
b1.qkv:         GEMM           block=1 op=qkv m=T k=96 n=288 tile=22x96x96 a=0x000089c0/96 b=0x0001f0c0 c=0x0000a240/288 records=0x00025cc0 wait_a=b1.norm1
b1.scores:      GEMM           block=1 op=scores m=T k=32 n=T tile=10x32x65 order=mn panel heads=3/3 type=i8->u8 activation=softmax a=0x0000a240/288+h*32 b=0x0000a2a0/288+h*32 layout=rows_n c=0x0000eb80/80+h*5200 wait_a=b1.qkv wait_b=b1.qkv
b1.attend:      GEMM           block=1 op=attend m=T k=T n=32 tile=21x65x32 order=mn heads=3/3 type=u8->i8 a=0x0000eb80/80+h*5200 b=0x0000a300/288+h*32 layout=rows_k c=0x00012880/96+h*32 wait_a=b1.scores wait_b=b1.qkv
b1.proj:        GEMM           block=1 op=proj m=T k=96 n=96 tile=22x96x96 type=i8->i16 residual a=0x00012880/96 b=0x000265c0 c=0x00005900/192 r=0x00005900/192 records=0x000289c0 wait_a=b1.attend
b1.norm2:       LAYERNORM      block=1 op=norm2 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x00028cc0 epsilon=1 wait_a=b1.proj
END
