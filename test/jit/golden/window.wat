(func (;0;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 17
    (i64.load offset=392 align=1
      (local.get 0)))
  (local.set 29
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 28
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 30
    (i64.load offset=544 align=1
      (local.get 0)))
  (local.set 31
    (i64.load offset=552 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (if  ;; label = @3
        (i32.lt_s
          (local.get 1)
          (i32.const 4))
        (then
          (local.set 5
            (i32.const 16777216))
          (br 1 (;@2;))))
      (local.set 1
        (i32.sub
          (local.get 1)
          (i32.const 4)))
      (local.set 15
        (i64.add
          (local.get 28)
          (i64.const -2147483640)))
      (block  ;; label = @3
        (block  ;; label = @4
          (br_if 0 (;@4;)
            (i64.ge_u
              (local.get 15)
              (local.get 17)))
          (br 1 (;@3;)))
        (local.set 15
          (i64.add
            (local.get 15)
            (i64.const 2147483648)))
        (if  ;; label = @4
          (i32.eqz
            (local.tee 4
              (call_indirect (type 1)
                (local.get 0)
                (local.get 15)
                (i32.const 4)
                (i32.const 0)
                (i32.const 0))))
          (then
            (local.set 5
              (i32.const 16793600))
            (br 2 (;@2;))))
        (local.set 15
          (i64.sub
            (i64.add
              (local.get 15)
              (i64.load32_u offset=8 align=1
                (local.get 4)))
            (i64.const 268435456))))
      (local.set 29
        (i64.load32_s offset=268435456 align=1
          (i32.wrap_i64
            (local.get 15))))
      (local.set 15
        (i64.add
          (local.get 30)
          (i64.const -2147483648)))
      (block  ;; label = @3
        (block  ;; label = @4
          (br_if 0 (;@4;)
            (i64.ge_u
              (local.get 15)
              (local.get 17)))
          (br_if 0 (;@4;)
            (i32.eqz
              (i32.load8_u offset=33554432
                (i32.shr_u
                  (i32.wrap_i64
                    (local.get 15))
                  (i32.const 12)))))
          (br 1 (;@3;)))
        (local.set 15
          (i64.add
            (local.get 15)
            (i64.const 2147483648)))
        (if  ;; label = @4
          (i32.eqz
            (local.tee 4
              (call_indirect (type 1)
                (local.get 0)
                (local.get 15)
                (i32.const 1)
                (i32.const 1)
                (i32.const 0))))
          (then
            (local.set 5
              (i32.const 16789508))
            (br 2 (;@2;))))
        (local.set 15
          (i64.sub
            (i64.add
              (local.get 15)
              (i64.load32_u offset=16392 align=1
                (local.get 4)))
            (i64.const 268435456))))
      (i64.store8 offset=268435456
        (i32.wrap_i64
          (local.get 15))
        (local.get 29))
      (local.set 15
        (i64.add
          (local.get 31)
          (i64.const -2147483656)))
      (block  ;; label = @3
        (block  ;; label = @4
          (br_if 0 (;@4;)
            (i64.ge_u
              (local.get 15)
              (local.get 17)))
          (br_if 0 (;@4;)
            (i32.le_u
              (i32.load8_u offset=33554432
                (i32.shr_u
                  (i32.wrap_i64
                    (local.get 15))
                  (i32.const 12)))
              (i32.and
                (i32.wrap_i64
                  (local.get 15))
                (i32.const 7))))
          (br 1 (;@3;)))
        (local.set 15
          (i64.add
            (local.get 15)
            (i64.const 2147483648)))
        (if  ;; label = @4
          (i32.eqz
            (local.tee 4
              (call_indirect (type 1)
                (local.get 0)
                (local.get 15)
                (i32.const 8)
                (i32.const 1)
                (i32.const 0))))
          (then
            (local.set 5
              (i32.const 16785416))
            (br 2 (;@2;))))
        (local.set 15
          (i64.sub
            (i64.add
              (local.get 15)
              (i64.load32_u offset=16392 align=1
                (local.get 4)))
            (i64.const 268435456))))
      (i64.store offset=268435456 align=1
        (i32.wrap_i64
          (local.get 15))
        (local.get 29))
      (local.set 5
        (i32.const 16781324))
      (br 0 (;@2;)))
    (local.set 1
      (i32.add
        (local.get 1)
        (i32.and
          (i32.shr_u
            (local.get 5)
            (i32.const 12))
          (i32.const 4095))))
    (local.set 16
      (i64.add
        (local.get 2)
        (i64.extend_i32_u
          (i32.and
            (local.get 5)
            (i32.const 4095))))))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 29))
  (i64.store align=1
    (local.get 0)
    (local.get 16))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (if  ;; label = @1
    (i32.eqz
      (local.get 5))
    (then
      (if  ;; label = @2
        (i64.eq
          (i64.load offset=32768 align=1
            (local.tee 4
              (i32.add
                (i32.and
                  (i32.wrap_i64
                    (i64.shr_u
                      (local.get 16)
                      (i64.const 8)))
                  (i32.const 16368))
                (i32.load offset=384 align=1
                  (local.get 0)))))
          (local.tee 2
            (i64.and
              (local.get 16)
              (i64.const -4096))))
        (then
          (i32.store offset=372 align=1
            (local.get 0)
            (local.tee 4
              (i32.load offset=32776 align=1
                (local.get 4))))
          (if  ;; label = @3
            (local.tee 4
              (i32.load offset=8 align=1
                (i32.load align=1
                  (i32.add
                    (i32.shl
                      (i32.and
                        (i32.wrap_i64
                          (local.get 16))
                        (i32.const 4095))
                      (i32.const 1))
                    (local.get 4)))))
            (then
              (return_call_indirect (type 4)
                (local.get 0)
                (local.get 1)
                (local.get 2)
                (local.get 4)
                (i32.const 3))))))))
  (local.get 1))
