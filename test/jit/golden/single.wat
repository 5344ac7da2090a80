(func (;0;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 i64 i64 i64 i64 i64 i64 f64)
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
  (local.set 6
    (select
      (i32.const 0)
      (i32.const 2048)
      (i32.and
        (i32.and
          (i32.load offset=216 align=1
            (local.get 0))
          (i32.const 1))
        (i32.eqz
          (i32.load offset=212 align=1
            (local.get 0))))))
  (local.set 28
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 34
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 29
    (i64.load offset=848 align=1
      (local.get 0)))
  (local.set 31
    (i64.load offset=856 align=1
      (local.get 0)))
  (local.set 30
    (i64.load offset=864 align=1
      (local.get 0)))
  (local.set 32
    (i64.load offset=872 align=1
      (local.get 0)))
  (local.set 33
    (i64.load offset=880 align=1
      (local.get 0)))
  (local.set 35
    (f64.load offset=888 align=1
      (local.get 0)))
  (block  ;; label = @1
    (block  ;; label = @2
      (if  ;; label = @3
        (i32.lt_s
          (local.get 1)
          (i32.const 8))
        (then
          (local.set 5
            (i32.const 16777216))
          (br 1 (;@2;))))
      (local.set 1
        (i32.sub
          (local.get 1)
          (i32.const 8)))
      (if  ;; label = @3
        (i32.eqz
          (local.get 14))
        (then
          (local.set 5
            (i32.const 16809984))
          (br 1 (;@2;))))
      (local.set 15
        (i64.add
          (local.get 28)
          (i64.const -2147483648)))
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
              (i32.const 16809984))
            (br 2 (;@2;))))
        (local.set 15
          (i64.sub
            (i64.add
              (local.get 15)
              (i64.load32_u offset=8 align=1
                (local.get 4)))
            (i64.const 268435456))))
      (local.set 29
        (i64.or
          (i64.load32_u offset=268435456 align=1
            (i32.wrap_i64
              (local.get 15)))
          (i64.const -4294967296)))
      (if  ;; label = @3
        (i64.lt_u
          (local.get 30)
          (i64.const -4294967296))
        (then
          (local.set 5
            (i32.const 16805892))
          (br 1 (;@2;))))
      (local.set 27
        (f32.demote_f64
          (local.tee 25
            (f64.add
              (f64.mul
                (f64.promote_f32
                  (f32.reinterpret_i32
                    (i32.wrap_i64
                      (local.get 29))))
                (f64.promote_f32
                  (f32.reinterpret_i32
                    (i32.wrap_i64
                      (local.get 29)))))
              (f64.promote_f32
                (f32.reinterpret_i32
                  (i32.wrap_i64
                    (local.get 30))))))))
      (if  ;; label = @3
        (i32.or
          (i32.ge_u
            (i32.sub
              (i32.add
                (i32.and
                  (i32.shr_u
                    (i32.reinterpret_f32
                      (local.get 27))
                    (i32.const 23))
                  (i32.const 255))
                (local.get 6))
              (i32.const 2))
            (i32.const 253))
          (i32.eq
            (i32.and
              (i32.wrap_i64
                (i64.reinterpret_f64
                  (local.get 25)))
              (i32.const 536870911))
            (i32.const 268435456)))
        (then
          (local.set 27
            (f32.reinterpret_i32
              (i32.wrap_i64
                (call_indirect (type 3)
                  (i32.const 132)
                  (local.get 29)
                  (local.get 29)
                  (local.get 30)
                  (i32.load offset=212 align=1
                    (local.get 0))
                  (i32.const 2)))))))
      (local.set 31
        (i64.or
          (i64.extend_i32_u
            (i32.reinterpret_f32
              (local.get 27)))
          (i64.const -4294967296)))
      (local.set 27
        (f32.mul
          (f32.reinterpret_i32
            (i32.wrap_i64
              (local.get 31)))
          (f32.reinterpret_i32
            (i32.wrap_i64
              (local.get 29)))))
      (if  ;; label = @3
        (i32.ge_u
          (i32.sub
            (i32.add
              (i32.and
                (i32.shr_u
                  (i32.reinterpret_f32
                    (local.get 27))
                  (i32.const 23))
                (i32.const 255))
              (local.get 6))
            (i32.const 2))
          (i32.const 253))
        (then
          (local.set 27
            (f32.reinterpret_i32
              (i32.wrap_i64
                (call_indirect (type 3)
                  (i32.const 138)
                  (local.get 31)
                  (local.get 29)
                  (i64.const 0)
                  (i32.load offset=212 align=1
                    (local.get 0))
                  (i32.const 2)))))))
      (local.set 32
        (i64.or
          (i64.extend_i32_u
            (i32.reinterpret_f32
              (local.get 27)))
          (i64.const -4294967296)))
      (local.set 33
        (i64.xor
          (local.get 32)
          (i64.and
            (local.get 31)
            (i64.const 2147483648))))
      (local.set 15
        (i64.extend_i32_u
          (f32.lt
            (f32.reinterpret_i32
              (i32.wrap_i64
                (local.get 32)))
            (f32.reinterpret_i32
              (i32.wrap_i64
                (local.get 33))))))
      (if  ;; label = @3
        (i32.eqz
          (i32.or
            (f32.lt
              (f32.reinterpret_i32
                (i32.wrap_i64
                  (local.get 32)))
              (f32.reinterpret_i32
                (i32.wrap_i64
                  (local.get 33))))
            (f32.ge
              (f32.reinterpret_i32
                (i32.wrap_i64
                  (local.get 32)))
              (f32.reinterpret_i32
                (i32.wrap_i64
                  (local.get 33))))))
        (then
          (local.set 15
            (call_indirect (type 3)
              (i32.const 147)
              (local.get 32)
              (local.get 33)
              (i64.const 0)
              (i32.const 0)
              (i32.const 2)))))
      (local.set 34
        (local.get 15))
      (if  ;; label = @3
        (f64.ne
          (local.tee 25
            (f64.promote_f32
              (f32.reinterpret_i32
                (i32.wrap_i64
                  (local.get 33)))))
          (local.get 25))
        (then
          (local.set 25
            (f64.reinterpret_i64
              (call_indirect (type 3)
                (i32.const 191)
                (local.get 33)
                (i64.const 0)
                (i64.const 0)
                (i32.const 0)
                (i32.const 2))))))
      (local.set 35
        (local.get 25))
      (local.set 15
        (i64.add
          (local.get 28)
          (i64.const -2147483644)))
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
                (i32.const 3))))
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
                (i32.const 1)
                (i32.const 0))))
          (then
            (local.set 5
              (i32.const 16785432))
            (br 2 (;@2;))))
        (local.set 15
          (i64.sub
            (i64.add
              (local.get 15)
              (i64.load32_u offset=16392 align=1
                (local.get 4)))
            (i64.const 268435456))))
      (i64.store32 offset=268435456 align=1
        (i32.wrap_i64
          (local.get 15))
        (local.get 32))
      (local.set 5
        (i32.const 16781340))
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
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 34))
  (i64.store offset=848 align=1
    (local.get 0)
    (local.get 29))
  (i64.store offset=856 align=1
    (local.get 0)
    (local.get 31))
  (i64.store offset=872 align=1
    (local.get 0)
    (local.get 32))
  (i64.store offset=880 align=1
    (local.get 0)
    (local.get 33))
  (f64.store offset=888 align=1
    (local.get 0)
    (local.get 35))
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
