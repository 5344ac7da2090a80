(func (;0;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 f64 i64 f64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 17
    (i64.load offset=392 align=1
      (local.get 0)))
  (local.set 14
    (i32.and
      (i64.eq
        (i64.and
          (i64.load offset=32 align=1
            (local.get 0))
          (i64.const 24576))
        (i64.const 24576))
      (i32.le_u
        (i32.load offset=212 align=1
          (local.get 0))
        (i32.const 4))))
  (local.set 28
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 33
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 32
    (i64.load offset=544 align=1
      (local.get 0)))
  (local.set 29
    (f64.load offset=848 align=1
      (local.get 0)))
  (local.set 30
    (i64.load offset=856 align=1
      (local.get 0)))
  (local.set 31
    (f64.load offset=864 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (loop  ;; label = @3
        (block  ;; label = @4
          (if  ;; label = @5
            (i32.lt_s
              (local.get 1)
              (i32.const 15))
            (then
              (local.set 5
                (i32.const 16777216))
              (br 3 (;@2;))))
          (local.set 1
            (i32.sub
              (local.get 1)
              (i32.const 14)))
          (if  ;; label = @5
            (i32.eqz
              (local.get 14))
            (then
              (local.set 5
                (i32.const 16834560))
              (br 3 (;@2;))))
          (local.set 15
            (i64.add
              (local.get 28)
              (i64.const -2147483648)))
          (block  ;; label = @5
            (block  ;; label = @6
              (br_if 0 (;@6;)
                (i64.ge_u
                  (local.get 15)
                  (local.get 17)))
              (br 1 (;@5;)))
            (local.set 15
              (i64.add
                (local.get 15)
                (i64.const 2147483648)))
            (if  ;; label = @6
              (i32.eqz
                (local.tee 4
                  (call_indirect (type 1)
                    (local.get 0)
                    (local.get 15)
                    (i32.const 8)
                    (i32.const 0)
                    (i32.const 0))))
              (then
                (local.set 5
                  (i32.const 16834560))
                (br 4 (;@2;))))
            (local.set 15
              (i64.sub
                (i64.add
                  (local.get 15)
                  (i64.load32_u offset=8 align=1
                    (local.get 4)))
                (i64.const 268435456))))
          (local.set 29
            (f64.load offset=268435456 align=1
              (i32.wrap_i64
                (local.get 15))))
          (local.set 15
            (i64.add
              (local.get 28)
              (i64.const -2147483640)))
          (block  ;; label = @5
            (block  ;; label = @6
              (br_if 0 (;@6;)
                (i64.ge_u
                  (local.get 15)
                  (local.get 17)))
              (br 1 (;@5;)))
            (local.set 15
              (i64.add
                (local.get 15)
                (i64.const 2147483648)))
            (if  ;; label = @6
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
                  (i32.const 16830468))
                (br 4 (;@2;))))
            (local.set 15
              (i64.sub
                (i64.add
                  (local.get 15)
                  (i64.load32_u offset=8 align=1
                    (local.get 4)))
                (i64.const 268435456))))
          (local.set 30
            (i64.or
              (i64.load32_u offset=268435456 align=1
                (i32.wrap_i64
                  (local.get 15)))
              (i64.const -4294967296)))
          (local.set 31
            (f64.neg
              (local.get 29)))
          (local.set 32
            (i64.extend32_s
              (local.get 30)))
          (local.set 15
            (i64.add
              (local.get 28)
              (i64.const -2147483632)))
          (block  ;; label = @5
            (block  ;; label = @6
              (br_if 0 (;@6;)
                (i64.ge_u
                  (local.get 15)
                  (local.get 17)))
              (br_if 0 (;@6;)
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
              (br 1 (;@5;)))
            (local.set 15
              (i64.add
                (local.get 15)
                (i64.const 2147483648)))
            (if  ;; label = @6
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
                  (i32.const 16818192))
                (br 4 (;@2;))))
            (local.set 15
              (i64.sub
                (i64.add
                  (local.get 15)
                  (i64.load32_u offset=16392 align=1
                    (local.get 4)))
                (i64.const 268435456))))
          (f64.store offset=268435456 align=1
            (i32.wrap_i64
              (local.get 15))
            (local.get 31))
          (local.set 28
            (i64.add
              (local.get 28)
              (i64.const 8)))
          (if  ;; label = @5
            (i64.ne
              (local.get 28)
              (local.get 33))
            (then
              (local.set 15
                (i64.add
                  (local.get 28)
                  (i64.const -2147483648)))
              (block  ;; label = @6
                (block  ;; label = @7
                  (br_if 0 (;@7;)
                    (i64.ge_u
                      (local.get 15)
                      (local.get 17)))
                  (br 1 (;@6;)))
                (local.set 15
                  (i64.add
                    (local.get 15)
                    (i64.const 2147483648)))
                (if  ;; label = @7
                  (i32.eqz
                    (local.tee 4
                      (call_indirect (type 1)
                        (local.get 0)
                        (local.get 15)
                        (i32.const 8)
                        (i32.const 0)
                        (i32.const 0))))
                  (then
                    (local.set 5
                      (i32.const 16805888))
                    (br 5 (;@2;))))
                (local.set 15
                  (i64.sub
                    (i64.add
                      (local.get 15)
                      (i64.load32_u offset=8 align=1
                        (local.get 4)))
                    (i64.const 268435456))))
              (local.set 29
                (f64.load offset=268435456 align=1
                  (i32.wrap_i64
                    (local.get 15))))
              (local.set 15
                (i64.add
                  (local.get 28)
                  (i64.const -2147483640)))
              (block  ;; label = @6
                (block  ;; label = @7
                  (br_if 0 (;@7;)
                    (i64.ge_u
                      (local.get 15)
                      (local.get 17)))
                  (br 1 (;@6;)))
                (local.set 15
                  (i64.add
                    (local.get 15)
                    (i64.const 2147483648)))
                (if  ;; label = @7
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
                      (i32.const 16801796))
                    (br 5 (;@2;))))
                (local.set 15
                  (i64.sub
                    (i64.add
                      (local.get 15)
                      (i64.load32_u offset=8 align=1
                        (local.get 4)))
                    (i64.const 268435456))))
              (local.set 30
                (i64.or
                  (i64.load32_u offset=268435456 align=1
                    (i32.wrap_i64
                      (local.get 15)))
                  (i64.const -4294967296)))
              (local.set 31
                (f64.neg
                  (local.get 29)))
              (local.set 32
                (i64.extend32_s
                  (local.get 30)))
              (local.set 15
                (i64.add
                  (local.get 28)
                  (i64.const -2147483632)))
              (block  ;; label = @6
                (block  ;; label = @7
                  (br_if 0 (;@7;)
                    (i64.ge_u
                      (local.get 15)
                      (local.get 17)))
                  (br_if 0 (;@7;)
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
                  (br 1 (;@6;)))
                (local.set 15
                  (i64.add
                    (local.get 15)
                    (i64.const 2147483648)))
                (if  ;; label = @7
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
                      (i32.const 16789520))
                    (br 5 (;@2;))))
                (local.set 15
                  (i64.sub
                    (i64.add
                      (local.get 15)
                      (i64.load32_u offset=16392 align=1
                        (local.get 4)))
                    (i64.const 268435456))))
              (f64.store offset=268435456 align=1
                (i32.wrap_i64
                  (local.get 15))
                (local.get 31))
              (local.set 28
                (i64.add
                  (local.get 28)
                  (i64.const 8)))
              (if  ;; label = @6
                (i64.ne
                  (local.get 28)
                  (local.get 33))
                (then
                  (br 3 (;@3;)))
                (else
                  (br 2 (;@4;)))))
            (else
              (local.set 1
                (i32.add
                  (local.get 1)
                  (i32.const 7)))
              (br 1 (;@4;)))))
        (local.set 1
          (i32.sub
            (local.get 1)
            (i32.const 1)))
        (local.set 5
          (i32.const 16781340))
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
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 28))
  (i64.store offset=544 align=1
    (local.get 0)
    (local.get 32))
  (f64.store offset=848 align=1
    (local.get 0)
    (local.get 29))
  (i64.store offset=856 align=1
    (local.get 0)
    (local.get 30))
  (f64.store offset=864 align=1
    (local.get 0)
    (local.get 31))
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
