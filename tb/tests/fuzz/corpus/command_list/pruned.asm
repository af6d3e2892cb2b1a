                GEMM           m=64 k=192 n=96 tile=16x192x96 order=mn type=i8->i16 residual im2col=64>8x3/k8/s8 a=0x00002900/192 b=0x0001a200 c=0x000059c0/192 r=0x00017200/192 records=0x0001ea00
b0.cls:         COPY           op=cls m=1 n=192 a=0x0001ed00/192 c=0x00005900/192
b1.norm1:       LAYERNORM      block=1 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x0001edc0 epsilon=1 wait_a=b0.cls
b1.qkv:         GEMM           block=1 op=qkv m=T k=96 n=288 tile=22x96x96 a=0x000089c0/96 b=0x0001f0c0 c=0x0000a240/288 records=0x00025cc0 wait_a=b1.norm1
b1.scores:      GEMM           block=1 op=scores m=T k=32 n=T tile=10x32x65 order=mn panel heads=3/3 type=i8->u8 activation=softmax a=0x0000a240/288+h*32 b=0x0000a2a0/288+h*32 layout=rows_n c=0x0000eb80/80+h*5200 wait_a=b1.qkv wait_b=b1.qkv
b1.attend:      GEMM           block=1 op=attend m=T k=T n=32 tile=21x65x32 order=mn heads=3/3 type=u8->i8 a=0x0000eb80/80+h*5200 b=0x0000a300/288+h*32 layout=rows_k c=0x00012880/96+h*32 wait_a=b1.scores wait_b=b1.qkv
b1.proj:        GEMM           block=1 op=proj m=T k=96 n=96 tile=22x96x96 type=i8->i16 residual a=0x00012880/96 b=0x000265c0 c=0x00005900/192 r=0x00005900/192 records=0x000289c0 wait_a=b1.attend
b1.norm2:       LAYERNORM      block=1 op=norm2 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x00028cc0 epsilon=1 wait_a=b1.proj
b1.fc1:         GEMM           block=1 op=fc1 m=T k=96 n=192 tile=22x96x96 activation=gelu a=0x000089c0/96 b=0x00028fc0 c=0x00014100/192 records=0x0002d7c0 wait_a=b1.norm2
b1.fc2:         GEMM           block=1 op=fc2 m=T k=192 n=96 tile=22x192x96 type=i8->i16 residual a=0x00014100/192 b=0x0002ddc0 c=0x00005900/192 r=0x00005900/192 records=0x000325c0 wait_a=b1.fc1
b2.norm1:       LAYERNORM      block=2 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x000328c0 epsilon=1 wait_a=b1.fc2
b2.qkv:         GEMM           block=2 op=qkv m=T k=96 n=288 tile=22x96x96 a=0x000089c0/96 b=0x00032bc0 c=0x0000a240/288 records=0x000397c0 wait_a=b2.norm1
b2.scores:      GEMM           block=2 op=scores m=T k=32 n=T tile=10x32x65 order=mn panel heads=3/3 type=i8->u8 activation=softmax cls_scores a=0x0000a240/288+h*32 b=0x0000a2a0/288+h*32 layout=rows_n c=0x0000eb80/80+h*5200 wait_a=b2.qkv wait_b=b2.qkv
b2.attend:      GEMM           block=2 op=attend m=T k=T n=32 tile=21x65x32 order=mn heads=3/3 type=u8->i8 a=0x0000eb80/80+h*5200 b=0x0000a300/288+h*32 layout=rows_k c=0x00012880/96+h*32 wait_a=b2.scores wait_b=b2.qkv
b2.proj:        GEMM           block=2 op=proj m=T k=96 n=96 tile=22x96x96 type=i8->i16 residual a=0x00012880/96 b=0x0003a0c0 c=0x00005900/192 r=0x00005900/192 records=0x0003c4c0 wait_a=b2.attend
b2.norm2:       LAYERNORM      block=2 op=norm2 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x0003c7c0 epsilon=1 wait_a=b2.proj
b2.fc1:         GEMM           block=2 op=fc1 m=T k=96 n=192 tile=22x96x96 activation=gelu a=0x000089c0/96 b=0x0003cac0 c=0x00014100/192 records=0x000412c0 wait_a=b2.norm2
b2.fc2:         GEMM           block=2 op=fc2 m=T k=192 n=96 tile=22x192x96 type=i8->i16 residual a=0x00014100/192 b=0x000418c0 c=0x00005900/192 r=0x00005900/192 records=0x000460c0 wait_a=b2.fc1
b3.sel_select:  TOKEN_SELECT   block=3 op=sel_select m=T stage=1 keep=38 threshold=32768 wait_a=b2.fc2
b3.sel_pack:    TOKEN_PACK     block=3 op=sel_pack m=T n=96 tile=1x1x32 type=i16->i16 a=0x00005900/192 c=0x00005900/192 stage=1 wait_a=b3.sel_select
b3.norm1:       LAYERNORM      block=3 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x000463c0 epsilon=1 wait_a=b3.sel_pack
b3.qkv:         GEMM           block=3 op=qkv m=T k=96 n=288 tile=22x96x96 a=0x000089c0/96 b=0x000466c0 c=0x0000a240/288 records=0x0004d2c0 wait_a=b3.norm1
b3.scores:      GEMM           block=3 op=scores m=T k=32 n=T tile=10x32x65 order=mn panel heads=3/3 type=i8->u8 activation=softmax a=0x0000a240/288+h*32 b=0x0000a2a0/288+h*32 layout=rows_n c=0x0000eb80/80+h*5200 wait_a=b3.qkv wait_b=b3.qkv
b3.attend:      GEMM           block=3 op=attend m=T k=T n=32 tile=21x65x32 order=mn heads=3/3 type=u8->i8 a=0x0000eb80/80+h*5200 b=0x0000a300/288+h*32 layout=rows_k c=0x00012880/96+h*32 wait_a=b3.scores wait_b=b3.qkv
b3.proj:        GEMM           block=3 op=proj m=T k=96 n=96 tile=22x96x96 type=i8->i16 residual a=0x00012880/96 b=0x0004dbc0 c=0x00005900/192 r=0x00005900/192 records=0x0004ffc0 wait_a=b3.attend
b3.norm2:       LAYERNORM      block=3 op=norm2 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x000502c0 epsilon=1 wait_a=b3.proj
b3.fc1:         GEMM           block=3 op=fc1 m=T k=96 n=192 tile=22x96x96 activation=gelu a=0x000089c0/96 b=0x000505c0 c=0x00014100/192 records=0x00054dc0 wait_a=b3.norm2
b3.fc2:         GEMM           block=3 op=fc2 m=T k=192 n=96 tile=22x192x96 type=i8->i16 residual a=0x00014100/192 b=0x000553c0 c=0x00005900/192 r=0x00005900/192 records=0x00059bc0 wait_a=b3.fc1
b4.norm1:       LAYERNORM      block=4 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x00059ec0 epsilon=1 wait_a=b3.fc2
b4.qkv:         GEMM           block=4 op=qkv m=T k=96 n=288 tile=22x96x96 a=0x000089c0/96 b=0x0005a1c0 c=0x0000a240/288 records=0x00060dc0 wait_a=b4.norm1
b4.scores:      GEMM           block=4 op=scores m=T k=32 n=T tile=10x32x65 order=mn panel heads=3/3 type=i8->u8 activation=softmax a=0x0000a240/288+h*32 b=0x0000a2a0/288+h*32 layout=rows_n c=0x0000eb80/80+h*5200 wait_a=b4.qkv wait_b=b4.qkv
b4.attend:      GEMM           block=4 op=attend m=T k=T n=32 tile=21x65x32 order=mn heads=3/3 type=u8->i8 a=0x0000eb80/80+h*5200 b=0x0000a300/288+h*32 layout=rows_k c=0x00012880/96+h*32 wait_a=b4.scores wait_b=b4.qkv
b4.proj:        GEMM           block=4 op=proj m=T k=96 n=96 tile=22x96x96 type=i8->i16 residual a=0x00012880/96 b=0x000616c0 c=0x00005900/192 r=0x00005900/192 records=0x00063ac0 wait_a=b4.attend
b4.norm2:       LAYERNORM      block=4 op=norm2 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x00063dc0 epsilon=1 wait_a=b4.proj
b4.fc1:         GEMM           block=4 op=fc1 m=T k=96 n=192 tile=22x96x96 activation=gelu a=0x000089c0/96 b=0x000640c0 c=0x00014100/192 records=0x000688c0 wait_a=b4.norm2
b4.fc2:         GEMM           block=4 op=fc2 m=T k=192 n=96 tile=22x192x96 type=i8->i16 residual a=0x00014100/192 b=0x00068ec0 c=0x00005900/192 r=0x00005900/192 records=0x0006d6c0 wait_a=b4.fc1
b5.norm1:       LAYERNORM      block=5 op=norm1 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x0006d9c0 epsilon=1 wait_a=b4.fc2
b5.qkv:         GEMM           block=5 op=qkv m=T k=96 n=288 tile=22x96x96 a=0x000089c0/96 b=0x0006dcc0 c=0x0000a240/288 records=0x000748c0 wait_a=b5.norm1
b5.scores:      GEMM           block=5 op=scores m=T k=32 n=T tile=10x32x65 order=mn panel heads=3/3 type=i8->u8 activation=softmax a=0x0000a240/288+h*32 b=0x0000a2a0/288+h*32 layout=rows_n c=0x0000eb80/80+h*5200 wait_a=b5.qkv wait_b=b5.qkv
b5.attend:      GEMM           block=5 op=attend m=T k=T n=32 tile=21x65x32 order=mn heads=3/3 type=u8->i8 a=0x0000eb80/80+h*5200 b=0x0000a300/288+h*32 layout=rows_k c=0x00012880/96+h*32 wait_a=b5.scores wait_b=b5.qkv
b5.proj:        GEMM           block=5 op=proj m=T k=96 n=96 tile=22x96x96 type=i8->i16 residual a=0x00012880/96 b=0x000751c0 c=0x00005900/192 r=0x00005900/192 records=0x000775c0 wait_a=b5.attend
b5.norm2:       LAYERNORM      block=5 op=norm2 m=T n=96 tile=22 type=i16->i8 on_cpu a=0x00005900/192 c=0x000089c0/96 records=0x000778c0 epsilon=1 wait_a=b5.proj
b5.fc1:         GEMM           block=5 op=fc1 m=T k=96 n=192 tile=22x96x96 activation=gelu a=0x000089c0/96 b=0x00077bc0 c=0x00014100/192 records=0x0007c3c0 wait_a=b5.norm2
END
