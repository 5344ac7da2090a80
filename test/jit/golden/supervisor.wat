(func (;0;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 29
    (i64.load offset=480 align=1
      (local.get 0)))
  (local.set 30
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 28
    (i64.load offset=536 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (loop  ;; label = @3
        (block  ;; label = @4
          (if  ;; label = @5
            (i32.lt_s
              (local.get 1)
              (i32.const 16))
            (then
              (local.set 5
                (i32.const 16777216))
              (br 3 (;@2;))))
          (local.set 1
            (i32.sub
              (local.get 1)
              (i32.const 15)))
          (if  ;; label = @5
            (i32.eqz
              (i32.load offset=20 align=1
                (local.get 0)))
            (then
              (local.set 5
                (i32.const 16838656))
              (br 3 (;@2;))))
          (local.set 15
            (i64.load offset=32 align=1
              (local.get 0)))
          (local.set 16
            (i64.and
              (i64.and
                (local.get 15)
                (i64.const 2))
              (i64.const 811298)))
          (i64.store offset=32 align=1
            (local.get 0)
            (i64.xor
              (local.get 15)
              (local.get 16)))
          (local.set 28
            (i64.or
              (i64.or
                (i64.and
                  (local.get 15)
                  (i64.const 811298))
                (i64.const 8589934592))
              (i64.shl
                (i64.extend_i32_u
                  (i64.eq
                    (i64.and
                      (local.get 15)
                      (i64.const 24576))
                    (i64.const 24576)))
                (i64.const 63))))
          (local.set 15
            (i64.load offset=136 align=1
              (local.get 0)))
          (i64.store offset=136 align=1
            (local.get 0)
            (local.get 29))
          (local.set 29
            (local.get 15))
          (local.set 15
            (i64.load offset=32 align=1
              (local.get 0)))
          (local.set 16
            (i64.and
              (i64.and
                (i64.xor
                  (local.get 15)
                  (i64.const -1))
                (local.get 28))
              (i64.const 811298)))
          (if  ;; label = @5
            (i32.and
              (i64.ne
                (i64.and
                  (i64.load offset=64 align=1
                    (local.get 0))
                  (i64.load offset=56 align=1
                    (local.get 0)))
                (i64.const 0))
              (i64.ne
                (i64.and
                  (local.get 16)
                  (i64.const 2))
                (i64.const 0)))
            (then
              (local.set 5
                (i32.const 16830472))
              (br 3 (;@2;))))
          (i64.store offset=32 align=1
            (local.get 0)
            (i64.xor
              (local.get 15)
              (local.get 16)))
          (if  ;; label = @5
            (i32.eqz
              (i64.eqz
                (i64.and
                  (local.get 16)
                  (i64.const 786432))))
            (then
              (local.set 3
                (call_indirect (type 5)
                  (local.get 0)
                  (i32.const 4)))
              (local.set 18
                (i64.const 1))
              (local.set 19
                (i64.const 1))
              (local.set 20
                (i64.const 1))
              (local.set 21
                (i64.const 1))
              (local.set 22
                (i64.const 1))
              (local.set 23
                (i64.const 1))
              (local.set 24
                (i64.const 1))))
          (local.set 30
            (i64.add
              (local.get 30)
              (i64.const -1)))
          (if  ;; label = @5
            (i64.ne
              (local.get 30)
              (i64.const 0))
            (then
              (local.set 15
                (i64.load offset=32 align=1
                  (local.get 0)))
              (local.set 16
                (i64.and
                  (i64.and
                    (local.get 15)
                    (i64.const 2))
                  (i64.const 811298)))
              (i64.store offset=32 align=1
                (local.get 0)
                (i64.xor
                  (local.get 15)
                  (local.get 16)))
              (local.set 28
                (i64.or
                  (i64.or
                    (i64.and
                      (local.get 15)
                      (i64.const 811298))
                    (i64.const 8589934592))
                  (i64.shl
                    (i64.extend_i32_u
                      (i64.eq
                        (i64.and
                          (local.get 15)
                          (i64.const 24576))
                        (i64.const 24576)))
                    (i64.const 63))))
              (local.set 15
                (i64.load offset=136 align=1
                  (local.get 0)))
              (i64.store offset=136 align=1
                (local.get 0)
                (local.get 29))
              (local.set 29
                (local.get 15))
              (local.set 15
                (i64.load offset=32 align=1
                  (local.get 0)))
              (local.set 16
                (i64.and
                  (i64.and
                    (i64.xor
                      (local.get 15)
                      (i64.const -1))
                    (local.get 28))
                  (i64.const 811298)))
              (if  ;; label = @6
                (i32.and
                  (i64.ne
                    (i64.and
                      (i64.load offset=64 align=1
                        (local.get 0))
                      (i64.load offset=56 align=1
                        (local.get 0)))
                    (i64.const 0))
                  (i64.ne
                    (i64.and
                      (local.get 16)
                      (i64.const 2))
                    (i64.const 0)))
                (then
                  (local.set 5
                    (i32.const 16809992))
                  (br 4 (;@2;))))
              (i64.store offset=32 align=1
                (local.get 0)
                (i64.xor
                  (local.get 15)
                  (local.get 16)))
              (if  ;; label = @6
                (i32.eqz
                  (i64.eqz
                    (i64.and
                      (local.get 16)
                      (i64.const 786432))))
                (then
                  (local.set 3
                    (call_indirect (type 5)
                      (local.get 0)
                      (i32.const 4)))
                  (local.set 18
                    (i64.const 1))
                  (local.set 19
                    (i64.const 1))
                  (local.set 20
                    (i64.const 1))
                  (local.set 21
                    (i64.const 1))
                  (local.set 22
                    (i64.const 1))
                  (local.set 23
                    (i64.const 1))
                  (local.set 24
                    (i64.const 1))))
              (local.set 30
                (i64.add
                  (local.get 30)
                  (i64.const -1)))
              (if  ;; label = @6
                (i64.ne
                  (local.get 30)
                  (i64.const 0))
                (then
                  (local.set 15
                    (i64.load offset=32 align=1
                      (local.get 0)))
                  (local.set 16
                    (i64.and
                      (i64.and
                        (local.get 15)
                        (i64.const 2))
                      (i64.const 811298)))
                  (i64.store offset=32 align=1
                    (local.get 0)
                    (i64.xor
                      (local.get 15)
                      (local.get 16)))
                  (local.set 28
                    (i64.or
                      (i64.or
                        (i64.and
                          (local.get 15)
                          (i64.const 811298))
                        (i64.const 8589934592))
                      (i64.shl
                        (i64.extend_i32_u
                          (i64.eq
                            (i64.and
                              (local.get 15)
                              (i64.const 24576))
                            (i64.const 24576)))
                        (i64.const 63))))
                  (local.set 15
                    (i64.load offset=136 align=1
                      (local.get 0)))
                  (i64.store offset=136 align=1
                    (local.get 0)
                    (local.get 29))
                  (local.set 29
                    (local.get 15))
                  (local.set 15
                    (i64.load offset=32 align=1
                      (local.get 0)))
                  (local.set 16
                    (i64.and
                      (i64.and
                        (i64.xor
                          (local.get 15)
                          (i64.const -1))
                        (local.get 28))
                      (i64.const 811298)))
                  (if  ;; label = @7
                    (i32.and
                      (i64.ne
                        (i64.and
                          (i64.load offset=64 align=1
                            (local.get 0))
                          (i64.load offset=56 align=1
                            (local.get 0)))
                        (i64.const 0))
                      (i64.ne
                        (i64.and
                          (local.get 16)
                          (i64.const 2))
                        (i64.const 0)))
                    (then
                      (local.set 5
                        (i32.const 16789512))
                      (br 5 (;@2;))))
                  (i64.store offset=32 align=1
                    (local.get 0)
                    (i64.xor
                      (local.get 15)
                      (local.get 16)))
                  (if  ;; label = @7
                    (i32.eqz
                      (i64.eqz
                        (i64.and
                          (local.get 16)
                          (i64.const 786432))))
                    (then
                      (local.set 3
                        (call_indirect (type 5)
                          (local.get 0)
                          (i32.const 4)))
                      (local.set 18
                        (i64.const 1))
                      (local.set 19
                        (i64.const 1))
                      (local.set 20
                        (i64.const 1))
                      (local.set 21
                        (i64.const 1))
                      (local.set 22
                        (i64.const 1))
                      (local.set 23
                        (i64.const 1))
                      (local.set 24
                        (i64.const 1))))
                  (local.set 30
                    (i64.add
                      (local.get 30)
                      (i64.const -1)))
                  (if  ;; label = @7
                    (i64.ne
                      (local.get 30)
                      (i64.const 0))
                    (then
                      (br 4 (;@3;)))
                    (else
                      (br 3 (;@4;)))))
                (else
                  (local.set 1
                    (i32.add
                      (local.get 1)
                      (i32.const 5)))
                  (br 2 (;@4;)))))
            (else
              (local.set 1
                (i32.add
                  (local.get 1)
                  (i32.const 10)))
              (br 1 (;@4;)))))
        (local.set 1
          (i32.sub
            (local.get 1)
            (i32.const 1)))
        (local.set 5
          (i32.const 16781332))
        (br 1 (;@2;))))
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
  (i64.store offset=480 align=1
    (local.get 0)
    (local.get 29))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 30))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 28))
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
